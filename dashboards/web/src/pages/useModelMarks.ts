/** Marks the first turns of models that are new in a period. */

import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { present } from '../api/api';
import type { QueryResult, ReportAnswer } from '../api/types';
import { useServices } from '../app/services';
import { firstUses, type Mark } from '../charts/marks';
import { addDays, today } from '../period/view';

/** Of one answer. What has more than these has no marks. */
const MAX_ROWS = 1000;
/** How far back a model that was used before is looked for: as far as a period may reach. */
const EARLIER_DAYS = 1_000;
const FRESH_MILLISECONDS = 600_000;

type Answer = Pick<ReportAnswer<'/api/v1/stats/activity'>, 'period' | 'activity'>;

export function useModelMarks(answer: Answer, firstDay: string | null): readonly Mark[] {
  const { t } = useTranslation();
  const { api } = useServices();
  const { period, activity } = answer;
  const { since, until, tz, bucket } = period;
  const firstShown = today(tz, new Date(since));
  // When all turns there are lie in the period every model is new in it.
  const isAsked = firstDay !== null && firstDay < firstShown;
  const found = useQuery({
    queryKey: ['marks', since, until, tz, bucket],
    queryFn: async ({ signal }) => {
      const [before, uses] = await Promise.all([
        api.report(
          '/api/v1/stats/dimensions',
          { period: 'custom', from: addDays(firstShown, -EARLIER_DAYS), to: firstShown, tz },
          signal,
        ),
        api.client.POST('/api/v1/query', {
          body: {
            metrics: ['turns'],
            dimensions: [`time:${bucket}`, 'model'],
            date_range: [since, until],
            tz,
            filters: [],
            include: { time_labels: false, total_rows: false },
            order_by: [],
            pagination: { limit: MAX_ROWS, offset: 0 },
          },
          signal,
        }),
      ]);
      const { results, has_more } = present(uses.data) as QueryResult;
      return has_more
        ? []
        : firstUses(
            results.map(({ dimensions: [start, model] }) => ({
              start: String(start),
              model: String(model ?? ''),
            })),
            new Set(before.dimensions.models),
            activity.points.map((point) => point.start),
            tz,
          );
    },
    enabled: isAsked,
    staleTime: FRESH_MILLISECONDS,
    retry: false,
  });
  if (!isAsked) return [];
  return (found.data ?? []).map(({ index, model }) => ({
    index,
    label: t('chart.firstUse', { model }),
  }));
}
