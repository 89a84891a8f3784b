/** What the bot cost, bucket by bucket. An unknown cost is a gap, never a zero. */

import { useTranslation } from 'react-i18next';
import { type Decimal, useFormats } from '../ui/format';
import { type BucketWidth, begunBuckets, partialFrom } from './model';
import { TimeChart } from './TimeChart';

export interface CostPoint {
  readonly start: string;
  readonly cost_usd: Decimal | null;
}

interface Props {
  readonly points: readonly CostPoint[];
  readonly bucket: BucketWidth;
  readonly tz: string;
  readonly dataThrough: string | null;
  readonly firstDay: string | null;
  readonly onPick?: ((index: number) => void) | undefined;
}

export function CostChart({ points, bucket, tz, dataThrough, firstDay, onPick }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const starts = points.map((point) => point.start);
  return (
    <TimeChart
      label={t('models.costs')}
      onPick={onPick}
      height={240}
      empty={t('models.empty')}
      axis={{
        starts,
        bucket,
        tz,
        partialFrom: partialFrom(starts, dataThrough),
        firstDay,
        knownTo: begunBuckets(starts, dataThrough),
      }}
      panels={[
        {
          key: 'cost',
          weight: 1,
          unit: 'money',
          series: [
            {
              key: 'cost',
              label: t('metric.cost'),
              kind: 'bar',
              tone: 'green',
              values: points.map((point) =>
                point.cost_usd === null ? null : Number(point.cost_usd),
              ),
              format: (value) => formats.money(value),
            },
          ],
        },
      ]}
    />
  );
}
