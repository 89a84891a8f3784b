/** Messages and people over time, with the period before when it is asked for. */

import { useTranslation } from 'react-i18next';
import { useFormats } from '../ui/format';
import { type BucketWidth, begunBuckets, comparable, type Panel, partialFrom } from './model';
import { TimeChart } from './TimeChart';

export interface ActivityPoint {
  readonly start: string;
  readonly user_messages: number;
  readonly active_users: number;
}

interface Props {
  readonly points: readonly ActivityPoint[];
  readonly previous: readonly ActivityPoint[];
  readonly bucket: BucketWidth;
  readonly tz: string;
  readonly dataThrough: string | null;
  readonly firstDay: string | null;
  readonly onPick?: ((index: number) => void) | undefined;
  /** Leaves the people out: there is one. */
  readonly isOfOne?: boolean;
}

export const ACTIVITY_HEIGHT = 300;

export function ActivityChart(props: Props) {
  const { points, previous, bucket, tz, dataThrough, firstDay, onPick, isOfOne } = props;
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const starts = points.map((point) => point.start);
  const before = comparable(starts, previous, dataThrough);
  const format = (value: number | null) => formats.count(value);
  const panels: Panel[] = [
    {
      key: 'messages',
      weight: 3,
      series: [
        {
          key: 'messages',
          label: t('metric.user_messages'),
          kind: 'bar',
          tone: 'blue',
          values: points.map((point) => point.user_messages),
          previous: before.map((point) => point.user_messages),
          format,
        },
      ],
    },
    {
      key: 'people',
      weight: 2,
      series: [
        {
          key: 'people',
          label: t('metric.active_users'),
          kind: 'line',
          tone: 'orange',
          values: points.map((point) => point.active_users),
          previous: before.map((point) => point.active_users),
          format,
        },
      ],
    },
  ];
  return (
    <TimeChart
      label={t('activity.title')}
      onPick={onPick}
      height={ACTIVITY_HEIGHT}
      empty={t('activity.empty')}
      axis={{
        starts,
        bucket,
        tz,
        partialFrom: partialFrom(starts, dataThrough),
        firstDay,
        knownTo: begunBuckets(starts, dataThrough),
      }}
      panels={isOfOne ? panels.slice(0, 1) : panels}
    />
  );
}
