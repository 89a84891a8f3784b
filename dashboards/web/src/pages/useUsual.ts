/** The usual range of metrics at each point of a chart: the one of the alerts. */

import { useQueries } from '@tanstack/react-query';
import { present } from '../api/api';
import type { ReportAnswer } from '../api/types';
import { useServices } from '../app/services';
import type { Usual } from '../charts/ActivityChart';
import type { ChartMetric } from '../charts/metrics';
import { type Filter, filterQuery } from '../filters/filters';

const FRESH_MILLISECONDS = 300_000;

type Answer = Pick<ReportAnswer<'/api/v1/stats/activity'>, 'period' | 'activity'>;

/** Of points of an hour, a day or a week; of others there is none. */
export function useUsual(
  { period, activity }: Answer,
  metrics: readonly ChartMetric[],
  filters: readonly Filter[],
): Usual {
  const { api } = useServices();
  const { since, until, tz, bucket } = period;
  const asked = JSON.parse(filterQuery(filters).filters ?? '[]') as unknown[];
  const isAsked = bucket === 'hour' || bucket === 'day' || bucket === 'week';
  const found = useQueries({
    queries: metrics.map((metric) => ({
      queryKey: ['usual', metric, asked, since, until, tz, bucket],
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        const width = bucket as 'hour' | 'day' | 'week';
        const body = { metric, filters: asked, width, since, until, tz };
        return present((await api.client.POST('/api/v1/alerts/usual', { body, signal })).data);
      },
      enabled: isAsked,
      staleTime: FRESH_MILLISECONDS,
      refetchInterval: FRESH_MILLISECONDS,
      retry: false,
    })),
  });
  const starts = activity.points.map((point) => Date.parse(point.start));
  const usual: Usual = {};
  metrics.forEach((metric, index) => {
    const windows = found[index]?.data?.windows;
    if (!windows) return;
    const ranges = new Map(
      windows.map(({ since: start, low, high }) => [
        Date.parse(start),
        low === null || high === null ? null : { low, high },
      ]),
    );
    usual[metric] = starts.map((start) => ranges.get(start) ?? null);
  });
  return usual;
}
