/** Marks the points of a chart in which alerts fired. */

import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { present } from '../api/api';
import type { ReportAnswer } from '../api/types';
import { useServices } from '../app/services';
import { type Mark, marksAt } from '../charts/marks';

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
  return marksAt(
    data.map(({ name, window_start }) => ({
      moment: window_start,
      label: t('chart.alertFired', { name }),
    })),
    activity.points.map((point) => point.start),
    period,
  );
}
