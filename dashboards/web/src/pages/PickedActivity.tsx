/** The chart of activity; a bar that is pressed becomes the period. */

import type { ReportAnswer } from '../api/types';
import { ActivityChart } from '../charts/ActivityChart';
import { sinceFirst } from '../charts/model';
import { usePickedBucket } from '../period/usePicked';

interface Props {
  readonly answer: ReportAnswer<'/api/v1/stats/activity'>;
  readonly firstDay: string | null;
  /** Of a single person: how many people there were is no question. */
  readonly isOfOne?: boolean;
}

export function PickedActivity({ answer, firstDay, isOfOne = false }: Props) {
  const { activity, period, newest_through } = answer;
  const onPick = usePickedBucket(
    period,
    activity.points.map((point) => point.start),
  );
  return (
    <ActivityChart
      points={activity.points}
      previous={sinceFirst(activity.previous, firstDay, period.tz)}
      bucket={period.bucket}
      tz={period.tz}
      dataThrough={newest_through}
      firstDay={firstDay}
      onPick={onPick}
      isOfOne={isOfOne}
    />
  );
}
