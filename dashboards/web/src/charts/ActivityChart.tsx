/** Figures over time, with another period when it is asked for: messages and people, or one metric. */

import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { type Formats, useFormats } from '../ui/format';
import type { Mark } from './marks';
import { type ChartMetric, type Figures, shapeOf, type Unit } from './metrics';
import { type BucketWidth, begunBuckets, comparable, type Panel, partialFrom } from './model';
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
}

export const ACTIVITY_HEIGHT = 300;

export function ActivityChart(props: Props) {
  const { points, previous, bucket, tz, dataThrough, firstDay, onPick } = props;
  const { isOfOne = false, metric = null, height = ACTIVITY_HEIGHT } = props;
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const starts = points.map((point) => point.start);
  const before = comparable(starts, previous, dataThrough);
  const panel = (of: ChartMetric, weight: number) =>
    panelOf(of, weight, points, before, t, formats);
  const both = [panel('user_messages', 3), panel('active_users', 2)];
  return (
    <TimeChart
      label={props.label ?? t('activity.title')}
      onPick={onPick}
      height={height}
      previousLabel={props.previousLabel}
      empty={t(metric ? 'state.empty' : 'activity.empty')}
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

function panelOf(
  metric: ChartMetric,
  weight: number,
  points: readonly Figures[],
  before: readonly Figures[],
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
        previous: before.map(read),
        format: (value) => formatOf(unit, formats)(value),
      },
    ],
  };
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
