/** New, returning and resurrected people stacked to the active ones; below them who went quiet. */

import { useTranslation } from 'react-i18next';
import { useFormats } from '../ui/format';
import type { BucketWidth, Series, Tone } from './model';
import { TimeChart } from './TimeChart';

export interface LifecyclePoint {
  readonly start: string;
  readonly new: number;
  readonly returning: number;
  readonly resurrected: number;
  readonly dormant: number;
}

interface Props {
  readonly points: readonly LifecyclePoint[];
  readonly bucket: BucketWidth;
  readonly tz: string;
  readonly partialFrom: number | null;
  readonly firstDay: string | null;
}

const STACK = [
  ['returning', 'blue'],
  ['resurrected', 'violet'],
  ['new', 'green'],
] as const;

export function LifecycleChart({ points, bucket, tz, partialFrom, firstDay }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const series = (key: 'new' | 'returning' | 'resurrected' | 'dormant', tone: Tone): Series => ({
    key,
    label: t(`metric.${key}`),
    kind: 'bar',
    tone,
    values: points.map((point) => point[key]),
    format: (value) => formats.count(value),
  });
  return (
    <TimeChart
      label={t('users.lifecycle')}
      height={260}
      axis={{
        starts: points.map((point) => point.start),
        bucket: bucket === 'week' || bucket === 'month' ? bucket : 'day',
        tz,
        partialFrom,
        firstDay,
        ...(partialFrom === null ? {} : { knownTo: partialFrom + 1 }),
      }}
      panels={[
        {
          key: 'active',
          weight: 3,
          stacked: true,
          series: STACK.map(([key, tone]) => series(key, tone)),
        },
        { key: 'quiet', weight: 1, series: [series('dormant', 'grey')] },
      ]}
    />
  );
}
