/** Figures over time, with another period when it is asked for: messages and people, or one metric. */

import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { type Formats, useFormats } from '../ui/format';
import type { Mark } from './marks';
import { type ChartMetric, type Figures, shapeOf, type Unit } from './metrics';
import {
  type BucketWidth,
  begunBuckets,
  comparable,
  knownBuckets,
  type Panel,
  partialFrom,
  type UsualRange,
} from './model';
import { TimeChart } from './TimeChart';

export interface ActivityPoint extends Figures {
  readonly start: string;
}

interface Props {
  readonly points: readonly ActivityPoint[];
  readonly previous: readonly ActivityPoint[];
  readonly bucket: BucketWidth;
  readonly tz: string;
  readonly dataThrough: string | null;
  readonly firstDay: string | null;
  /** From one bucket to another. */
  readonly onPick?: ((first: number, last: number) => void) | undefined;
  /** Leaves the people out: there is one. */
  readonly isOfOne?: boolean;
  /** What is shown; null: messages and people. */
  readonly metric?: ChartMetric | null;
  readonly height?: number;
  readonly label?: string;
  readonly previousLabel?: string;
  readonly marks?: readonly Mark[];
  /** The usual range of each point, by metric. */
  readonly usual?: Usual;
}

export type Usual = Partial<Record<ChartMetric, readonly (UsualRange | null)[]>>;

export const ACTIVITY_HEIGHT = 300;

export function ActivityChart(props: Props) {
  const { points, previous, bucket, tz, dataThrough, firstDay, onPick } = props;
  const { isOfOne = false, metric = null, height = ACTIVITY_HEIGHT } = props;
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const starts = points.map((point) => point.start);
  const compared = comparable(starts, previous, dataThrough);
  const isKnown = knownBuckets({
    starts: compared.map((point) => point.start),
    bucket,
    tz,
    partialFrom: null,
    firstDay,
  });
  const before = compared.map((point, index) => (isKnown[index] ? point : null));
  const panel = (of: ChartMetric, weight: number) =>
    panelOf(of, weight, { points, before, usual: props.usual?.[of] }, t, formats);
  const both = [panel('user_messages', 3), panel('active_users', 2)];
  return (
    <TimeChart
      label={props.label ?? t('activity.title')}
      onPick={onPick}
      height={height}
      previousLabel={props.previousLabel}
      axis={{
        starts,
        bucket,
        tz,
        partialFrom: partialFrom(starts, dataThrough),
        firstDay,
        knownTo: begunBuckets(starts, dataThrough),
        marks: props.marks ?? [],
      }}
      panels={metric ? [panel(metric, 1)] : isOfOne ? both.slice(0, 1) : both}
    />
  );
}

interface Shown {
  readonly points: readonly Figures[];
  readonly before: readonly (Figures | null)[];
  readonly usual: readonly (UsualRange | null)[] | undefined;
}

function panelOf(
  metric: ChartMetric,
  weight: number,
  { points, before, usual }: Shown,
  t: TFunction,
  formats: Formats,
): Panel {
  const { kind, tone, unit, read } = shapeOf(metric);
  return {
    key: metric,
    weight,
    unit,
    series: [
      {
        key: metric,
        label: t(`metric.${metric}`),
        kind,
        tone,
        values: points.map(read),
        previous: before.map((point) => point && read(point)),
        ...(usual ? { usual: usual.map((range) => range && possible(range, unit)) } : {}),
        format: (value) => formatOf(unit, formats)(value),
      },
    ],
  };
}

/** Of counts the whole numbers in the range, of shares none above all. */
function possible({ low, high }: UsualRange, unit: Unit): UsualRange {
  if (unit === 'count') return { low: Math.ceil(low), high: Math.floor(high) };
  return { low, high: unit === 'percent' ? Math.min(1, high) : high };
}

function formatOf(unit: Unit, formats: Formats): (value: number | null) => string {
  const of = {
    count: formats.count,
    money: formats.money,
    percent: formats.percent,
    milliseconds: formats.milliseconds,
  };
  return of[unit];
}
