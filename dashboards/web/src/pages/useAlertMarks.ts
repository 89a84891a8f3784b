/** Marks the points of a chart in which alerts fired. */

import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { present } from '../api/api';
import type { ReportAnswer } from '../api/types';
import { useServices } from '../app/services';
import { bucketOf, type Mark } from '../charts/marks';

/** The newest ones that the API gives at once. */
const LIMIT = 200;
const FRESH_MILLISECONDS = 60_000;

type Answer = Pick<ReportAnswer<'/api/v1/stats/activity'>, 'period' | 'activity'>;

/** Each alert once per point. */
export function useAlertMarks({ period, activity }: Answer): readonly Mark[] {
  const { t } = useTranslation();
  const { api } = useServices();
  const { data = [] } = useQuery({
    queryKey: ['accounts', 'alert-marks'],
    queryFn: async ({ signal }) =>
      present(
        (
          await api.client.GET('/api/v1/alerts/events', {
            params: { query: { limit: LIMIT } },
            signal,
          })
        ).data,
      ).events,
    staleTime: FRESH_MILLISECONDS,
    retry: false,
  });
  const starts = activity.points.map((point) => point.start);
  const [since, until] = [Date.parse(period.since), Date.parse(period.until)];
  const marks = data
    .filter(({ window_start }) => {
      const moment = Date.parse(window_start);
      return since <= moment && moment < until;
    })
    .map(({ name, window_start }) => ({
      index: bucketOf(window_start, starts, period.tz),
      label: t('chart.alertFired', { name }),
    }));
  const unique = new Map(marks.map((mark) => [`${mark.index} ${mark.label}`, mark]));
  return [...unique.values()].sort((a, b) => a.index - b.index);
}
