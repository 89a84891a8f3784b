/** The chart over time; a bar that is pressed, or several that are dragged over, become the period. */

import type { ReportAnswer } from '../api/types';
import { ActivityChart } from '../charts/ActivityChart';
import type { ChartMetric } from '../charts/metrics';
import { useComparedName } from '../period/useComparedName';
import { usePickedBucket } from '../period/usePicked';
import { useView } from '../period/useView';
import { useAlertMarks } from './useAlertMarks';
import { useModelMarks } from './useModelMarks';
import { useReleaseMarks } from './useReleaseMarks';
import { useUsual } from './useUsual';

interface Props {
  readonly answer: ReportAnswer<'/api/v1/stats/activity'>;
  readonly firstDay: string | null;
  /** Of a single person: how many people there were is no question. */
  readonly isOfOne?: boolean;
  readonly metric?: ChartMetric | null;
  readonly height?: number;
  readonly label?: string;
}

export function PickedActivity({ answer, firstDay, ...shown }: Props) {
  const { activity, period, newest_through } = answer;
  const onPick = usePickedBucket(
    period,
    activity.points.map((point) => point.start),
  );
  const models = useModelMarks(answer, firstDay);
  const alerts = useAlertMarks(answer);
  const releases = useReleaseMarks(answer);
  const [{ filters }] = useView();
  const usual = useUsual(answer, shown.isOfOne ? [] : metricsOf(shown.metric ?? null), filters);
  return (
    <ActivityChart
      {...shown}
      usual={usual}
      marks={[...models, ...releases, ...(shown.isOfOne ? [] : alerts)]}
      previousLabel={useComparedName()}
      points={activity.points}
      previous={activity.previous}
      bucket={period.bucket}
      tz={period.tz}
      dataThrough={newest_through}
      firstDay={firstDay}
      onPick={onPick}
    />
  );
}

const BOTH = ['user_messages', 'active_users'] as const;

function metricsOf(metric: ChartMetric | null): readonly ChartMetric[] {
  return metric ? [metric] : BOTH;
}
