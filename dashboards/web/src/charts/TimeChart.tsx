/**
 * Bars and lines over time: panels above each other on one axis, so that no two scales share a
 * place. Pointer, arrow keys and screen readers walk it bucket by bucket. Knows no report.
 */

import { type KeyboardEvent, type PointerEvent, useContext, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Formats, useFormats } from '../ui/format';
import { Empty, HasData } from '../ui/states';
import { Legend } from './Legend';
import { labelWidth } from './measure';
import type { Unit } from './metrics';
import {
  hasPrevious,
  isEmpty,
  isUnusual,
  type Panel,
  type Series,
  type TimeAxis,
  usualState,
  withoutUnknown,
} from './model';
import { Plot } from './Plot';
import { geometryOf } from './scales';
import { useBucketNames } from './useBucketNames';
import { useWidth } from './useWidth';
import './charts.css';

interface Props {
  readonly label: string;
  readonly axis: TimeAxis;
  readonly panels: readonly Panel[];
  readonly height: number;
  /** What the other period is, if it is not the one before. */
  readonly previousLabel?: string | undefined;
  /** A click or Enter on a bucket, or on those that were dragged over. */
  readonly onPick?: ((first: number, last: number) => void) | undefined;
}

/** The room of a chart and its legend, which takes more rows on a phone. */
export function withLegend(height: number): string {
  return `calc(${height}px + var(--legend-height))`;
}

const PREVIOUS = 'previous';
const USUAL = 'usual';

interface Pointed {
  readonly active: number | null;
  /** Where a range begins, as long as a pointer is down or Shift was used. */
  readonly anchor: number | null;
  /** The buckets that were drawn then. */
  readonly drawn: string;
}

const NOTHING: Pointed = { active: null, anchor: null, drawn: '' };

/** Tells apart the buckets of two drawings. */
function drawnOf({ starts, bucket, tz }: TimeAxis): string {
  return [bucket, tz, starts.length, starts[0], starts.at(-1)].join(' ');
}

export function TimeChart(props: Props) {
  const { label, axis, panels: given, height, previousLabel, onPick } = props;
  const panels = withoutUnknown(given, axis);
  const { t } = useTranslation();
  const formats = useFormats(null);
  const [ref, width] = useWidth();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [pointed, setPointed] = useState<Pointed>(NOTHING);
  const drawn = drawnOf(axis);
  // Of other buckets nothing is pointed at: the pointer may rest while the chart is drawn anew.
  const { active, anchor } = pointed.drawn === drawn ? pointed : NOTHING;
  const pointAt = (bucket: number | null, from: number | null = anchor) =>
    setPointed({ active: bucket, anchor: from, drawn });
  const hasData = useContext(HasData);
  const describe = useDescription(axis);
  const names = useBucketNames(axis);
  const rangeNames = (one: number, other: number) => ({
    from: names.whole(Math.min(one, other)),
    to: names.whole(Math.max(one, other)),
  });
  if (!hasData || isEmpty(panels)) {
    return <Empty height={withLegend(height)} text={t('chart.unknown')} />;
  }
  const compares = hasPrevious(panels);
  const withPrevious = compares && !hidden.has(PREVIOUS);
  const usual = usualState(panels);
  const withUsual = usual === 'known' && !hidden.has(USUAL);
  const beside = { withPrevious, withUsual };
  const shown = panels
    .map((panel) => ({ ...panel, series: panel.series.filter((one) => !hidden.has(one.key)) }))
    .filter((panel) => panel.series.length > 0);
  const toggle = (key: string) => setHidden((keys) => flip(keys, key));
  const geometry = geometryOf({
    axis,
    panels: shown,
    width,
    height,
    ...beside,
    labelsOf: (panel, ticks) => tickLabels(panel.unit ?? 'count', ticks, formats),
    measure: labelWidth,
  });
  const last = axis.starts.length - 1;
  const current = Math.min(active ?? last, last);
  const leave = () => setPointed(NOTHING);
  const pick = () => {
    if (active === null || !onPick) return;
    leave();
    onPick(Math.min(active, anchor ?? active), Math.max(active, anchor ?? active));
  };
  const move = (event: KeyboardEvent) => {
    if (event.key === 'Enter') pick();
    if (event.key === 'Escape') leave();
    const next = stepOf(event.key, current, last);
    if (next === null) return;
    event.preventDefault();
    pointAt(next, onPick && event.shiftKey ? (anchor ?? current) : null);
  };
  const bucketUnder = (event: PointerEvent<HTMLElement>) =>
    geometry.bucketAt(event.clientX - event.currentTarget.getBoundingClientRect().left);
  const point = (event: PointerEvent<HTMLElement>) => {
    // A pointer that was released elsewhere drags no more.
    pointAt(bucketUnder(event), event.buttons === 0 ? null : anchor);
  };
  const press = (event: PointerEvent<HTMLElement>) => {
    const bucket = bucketUnder(event);
    const drags = onPick !== undefined && event.button === 0;
    pointAt(bucket, drags ? bucket : anchor);
    if (!drags) return;
    // Beyond the edge the range goes on to the last bucket.
    event.currentTarget.setPointerCapture?.(event.pointerId);
  };
  const series = shown.flatMap((panel) => panel.series);
  return (
    <div className="chart">
      <Legend
        series={panels.flatMap((panel) => panel.series)}
        previousKey={compares ? PREVIOUS : null}
        previousLabel={previousLabel ?? t('chart.previous')}
        usual={usual}
        usualKey={USUAL}
        striped={
          new Set(
            panels.flatMap((panel) => (panel.stacked ? panel.series.map((one) => one.key) : [])),
          )
        }
        hidden={hidden}
        onToggle={toggle}
      />
      <div
        ref={ref}
        className={onPick ? 'chart-area picks' : 'chart-area'}
        style={{ height }}
        role="slider"
        tabIndex={0}
        aria-label={t(onPick ? 'chart.walkAndPick' : 'chart.walk', { label })}
        aria-valuemin={0}
        aria-valuemax={last}
        aria-valuenow={current}
        aria-valuetext={(anchor !== null && active !== null && anchor !== active
          ? [t('chart.marked', rangeNames(anchor, active))]
          : describe(current, series, beside)
        ).join(', ')}
        onKeyDown={move}
        onPointerMove={point}
        onPointerDown={press}
        onClick={pick}
        onPointerCancel={leave}
        onPointerLeave={leave}
        onBlur={leave}
      >
        {width > 0 && (
          <Plot axis={axis} geometry={geometry} active={active} anchor={anchor} {...beside} />
        )}
        {active !== null && width > 0 && (
          <Tip
            lines={
              anchor !== null && anchor !== active
                ? [t('chart.marked', rangeNames(anchor, active))]
                : describe(active, series, beside)
            }
            series={series}
            left={geometry.centreOf(active)}
            width={width}
          />
        )}
      </div>
    </div>
  );
}

function tickLabels(unit: Unit, ticks: readonly number[], formats: Formats): readonly string[] {
  if (unit === 'money') return formats.moneyTicks(ticks);
  const format = {
    count: formats.compact,
    percent: formats.percent,
    milliseconds: formats.milliseconds,
  };
  return ticks.map(format[unit]);
}

function flip(keys: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(keys);
  if (!next.delete(key)) next.add(key);
  return next;
}

function stepOf(key: string, current: number, last: number): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: current - 1,
    ArrowDown: current - 1,
    ArrowRight: current + 1,
    ArrowUp: current + 1,
    PageUp: current - 7,
    PageDown: current + 7,
    Home: 0,
    End: last,
  };
  const next = steps[key];
  return next === undefined ? null : Math.min(last, Math.max(0, next));
}

/** What is shown beside the values. */
interface Beside {
  readonly withPrevious: boolean;
  readonly withUsual: boolean;
}

/** A bucket in words: its name, then one line per series. */
function useDescription(axis: TimeAxis) {
  const { t } = useTranslation();
  const names = useBucketNames(axis);
  return (index: number, series: readonly Series[], beside: Beside): string[] => {
    if (axis.starts[index] === undefined) return [];
    const name = names.whole(index);
    const filling = axis.partialFrom !== null && index >= axis.partialFrom;
    return [
      filling ? t('chart.soFar', { name }) : name,
      ...series.map((one) => {
        const value = `${one.label}: ${one.format(one.values[index] ?? null)}`;
        const before = beside.withPrevious ? one.previous?.[index] : undefined;
        const range = beside.withUsual ? one.usual?.[index] : undefined;
        const about = [
          before === undefined ? '' : t('chart.before', { value: one.format(before) }),
          range
            ? t(isUnusual(one, index, axis.partialFrom) ? 'chart.unusual' : 'chart.usualIs', {
                low: one.format(range.low),
                high: one.format(range.high),
              })
            : '',
        ].filter(Boolean);
        return about.length > 0 ? `${value} (${about.join(', ')})` : value;
      }),
      ...(axis.marks ?? []).filter((mark) => mark.index === index).map((mark) => mark.label),
    ];
  };
}

interface TipProps {
  readonly lines: readonly string[];
  readonly series: readonly Series[];
  readonly left: number;
  readonly width: number;
}

function Tip({ lines, series, left, width }: TipProps) {
  const [name, ...values] = lines;
  const side = left > width / 2 ? { right: width - left + 12 } : { left: left + 12 };
  return (
    <div className="tip" style={side} aria-hidden="true">
      <strong>{name}</strong>
      {values.map((line, index) => (
        <span key={line}>
          {series[index] && <i className={`swatch tone-${series[index].tone}`} />}
          {line}
        </span>
      ))}
    </div>
  );
}
