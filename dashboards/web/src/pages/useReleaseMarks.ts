/** Marks the points of a chart in which a bot was started with another version. */

import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { present } from '../api/api';
import type { ReportAnswer } from '../api/types';
import { useServices } from '../app/services';
import { type Mark, marksAt } from '../charts/marks';

const FRESH_MILLISECONDS = 60_000;

type Answer = Pick<ReportAnswer<'/api/v1/stats/activity'>, 'period' | 'activity'>;

/** Each version once per point: several bots may have been started with it. */
export function useReleaseMarks({ period, activity }: Answer): readonly Mark[] {
  const { t } = useTranslation();
  const { api } = useServices();
  const { data = [] } = useQuery({
    queryKey: ['releases'],
    queryFn: async ({ signal }) =>
      present((await api.client.GET('/api/v1/about', { signal })).data).releases,
    staleTime: FRESH_MILLISECONDS,
    retry: false,
  });
  return marksAt(
    data.map(({ version, started_at }) => ({
      moment: started_at,
      label: t('chart.release', { version }),
    })),
    activity.points.map((point) => point.start),
    period,
  );
}
