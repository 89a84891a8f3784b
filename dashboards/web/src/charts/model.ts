/** What a chart over time is made of. No drawing, no React. */

import { today } from '../period/view';
import { type BucketWidth, millisecondsOf } from './buckets';
import type { Mark } from './marks';
import type { Unit } from './metrics';

export type Tone = 'blue' | 'orange' | 'green' | 'red' | 'violet' | 'grey';
export type { BucketWidth };

export interface Series {
  readonly key: string;
  readonly label: string;
  readonly kind: 'bar' | 'line' | 'limit';
  readonly tone: Tone;
  /** One value per bucket; null leaves a gap. */
  readonly values: readonly (number | null)[];
  /** The period before, bucket by bucket; may be shorter. */
  readonly previous?: readonly (number | null)[];
  /** The usual range, bucket by bucket; null where too little is known to name one. */
  readonly usual?: readonly (UsualRange | null)[];
  readonly format: (value: number | null) => string;
}

export interface UsualRange {
  readonly low: number;
  readonly high: number;
}

/** Series that share a scale. Several panels stand above each other over one time axis. */
export interface Panel {
  readonly key: string;
  readonly series: readonly Series[];
  readonly stacked?: boolean;
  readonly unit?: Unit;
  /** Share of the height against the other panels. */
  readonly weight: number;
}

export interface TimeAxis {
  /** Start of each bucket, ISO. */
  readonly starts: readonly string[];
  readonly bucket: BucketWidth;
  readonly tz: string | null;
  /** Index of the first bucket that is still filling; null when all are complete. */
  readonly partialFrom: number | null;
  /** The day of the first turn there is; before it there is nothing to draw, not even a zero. */
  readonly firstDay?: string | null;
  /** How many buckets have begun; the later ones are the future. */
  readonly knownTo?: number;
  readonly marks?: readonly Mark[];
}

export function hasPrevious(panels: readonly Panel[]): boolean {
  return panels.some((panel) =>
    panel.series.some((one) => one.previous?.some((value) => value !== null)),
  );
}

/** Whether a usual range is drawn; `learning`: not yet, because too little is known. */
export function usualState(panels: readonly Panel[]): 'none' | 'learning' | 'known' {
  const ranges = panels.flatMap((panel) => panel.series.flatMap((one) => one.usual ?? []));
  if (ranges.length === 0) return 'none';
  return ranges.some((range) => range !== null) ? 'known' : 'learning';
}

/** Whether a value lies outside its usual range. Of a bucket that still fills nobody can tell. */
export function isUnusual(series: Series, index: number, partialFrom: number | null): boolean {
  const [value, range] = [series.values[index] ?? null, series.usual?.[index] ?? null];
  if (value === null || range === null) return false;
  const isWhole = partialFrom === null || index < partialFrom;
  return isWhole && (value < range.low || value > range.high);
}

/** Whether there is no value at all; zeros are values. */
export function isEmpty(panels: readonly Panel[]): boolean {
  return panels.every((panel) =>
    panel.series.every((one) =>
      [...one.values, ...(one.previous ?? [])].every((value) => value === null),
    ),
  );
}

/** Buckets that are known: not before the first turn, and not in the future. */
export function knownBuckets(axis: TimeAxis): readonly boolean[] {
  const { firstDay, tz } = axis;
  return axis.starts.map((_, index) => {
    const hasEnded = firstDay && dayOf(endOf(axis, index), tz) <= firstDay;
    return !hasEnded && (axis.knownTo === undefined || index < axis.knownTo);
  });
}

/** The start of the next bucket; of the last one, by its width. */
function endOf({ starts, bucket }: TimeAxis, index: number): string {
  const start = starts[index] as string;
  const end = new Date(Date.parse(start) + millisecondsOf(bucket)).toISOString();
  return starts[index + 1] ?? (start.length === 10 ? end.slice(0, 10) : end);
}

function dayOf(start: string, tz: string | null): string {
  return start.length === 10 ? start : today(tz, new Date(start));
}

/** Whether a period from `since` on has no part before the first turn, of which nothing is known. */
export function isCovered(
  since: string,
  points: readonly { readonly turns: number }[],
  firstDay: string | null,
  tz: string,
): boolean {
  const day = dayOf(since, tz);
  if (!firstDay || day > firstDay) return true;
  return day === firstDay && (points[0]?.turns ?? 0) > 0;
}

/** The panels without the values of buckets about which nothing is known. */
export function withoutUnknown(panels: readonly Panel[], axis: TimeAxis): readonly Panel[] {
  const known = knownBuckets(axis);
  const keep = (value: number | null, index: number) => (known[index] ? value : null);
  return panels.map((panel) => ({
    ...panel,
    series: panel.series.map((one) => ({ ...one, values: one.values.map(keep) })),
  }));
}

/** How many buckets have begun when the data end. */
export function begunBuckets(starts: readonly string[], dataThrough: string | null): number {
  if (!dataThrough) return starts.length;
  const through = Date.parse(dataThrough);
  return starts.filter((start) => Date.parse(start) < through).length;
}

/** The last moment of a bucket: just before the next one, or as long as its width says. */
export function lastOf(axis: TimeAxis, index: number): string {
  const start = axis.starts[index] as string;
  const next = axis.starts[index + 1];
  const isDate = start.length === 10;
  const end = next ? Date.parse(next) : Date.parse(start) + 7 * 86_400_000;
  const last = new Date(end - 1).toISOString();
  return isDate ? last.slice(0, 10) : last;
}

/** How far above all values a scale may reach to show a usual range, which is cut there. */
const MAX_ABOVE = 1.4;

/** The greatest value that a panel's scale must hold. */
export function ceilingOf(panel: Panel, withPrevious: boolean, withUsual: boolean): number {
  const buckets = Math.max(0, ...panel.series.map((one) => one.values.length));
  const heights = panel.stacked
    ? Array.from({ length: buckets }, (_, index) =>
        panel.series.reduce((sum, one) => sum + (one.values[index] ?? 0), 0),
      )
    : panel.series.flatMap((one) => one.values.map((value) => value ?? 0));
  const before = withPrevious
    ? panel.series.flatMap((one) => (one.previous ?? []).map((value) => value ?? 0))
    : [];
  const most = Math.max(0, ...heights, ...before);
  if (!withUsual) return most;
  const highest = Math.max(
    0,
    ...panel.series.flatMap((one) => (one.usual ?? []).map((range) => range?.high ?? 0)),
  );
  return most === 0 ? highest : Math.max(most, Math.min(highest, most * MAX_ABOVE));
}

/**
 * The points of the period before, when they can be laid over this one's by their place: as many
 * as have begun here, because both are cut where the data end. Else none.
 */
export function comparable<Point>(
  starts: readonly string[],
  previous: readonly Point[],
  dataThrough: string | null,
): readonly Point[] {
  return previous.length === begunBuckets(starts, dataThrough) ? previous : [];
}

/** How far apart labels stand, in buckets, so that each has `room` pixels. */
export function labelStep(buckets: number, width: number, room: number): number {
  return Math.max(1, Math.ceil((buckets * room) / Math.max(1, width)));
}

/** The first bucket that ends after the data do. */
export function partialFrom(starts: readonly string[], dataThrough: string | null): number | null {
  if (!dataThrough || starts.length === 0) return null;
  const through = Date.parse(dataThrough);
  const next = starts.findIndex((start) => Date.parse(start) > through);
  const running = next === -1 ? starts.length - 1 : Math.max(0, next - 1);
  if (next !== -1) return running;
  const last = Date.parse(starts[running] as string);
  const before = starts[running - 1];
  const width = before ? last - Date.parse(before) : 3_600_000;
  return through < last + width ? running : null;
}

/** The same for buckets of whole days of a zone that need not be the one of the period. */
export function partialDayFrom(
  starts: readonly string[],
  answer: { readonly newest_through: string; readonly period: { readonly until: string } },
  tz: string,
): number | null {
  const running = today(tz, new Date(answer.newest_through));
  const lastShown = today(tz, new Date(Date.parse(answer.period.until) - 1));
  if (starts.length === 0 || running > lastShown) return null;
  const next = starts.findIndex((start) => start > running);
  return next === -1 ? starts.length - 1 : Math.max(0, next - 1);
}
