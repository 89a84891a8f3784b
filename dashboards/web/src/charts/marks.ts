/** Moments that explain a chart, such as the first turn of a model. No drawing, no React. */

import { today } from '../period/view';

export interface Mark {
  /** Of the bucket in which it lies. */
  readonly index: number;
  readonly label: string;
}

interface UseOfModel {
  /** Start of a bucket: a day, or a moment. */
  readonly start: string;
  readonly model: string;
}

/**
 * The models that were used for the first time, with the bucket in which that was.
 *
 * `known` are those that were used before the first bucket.
 */
export function firstUses(
  uses: readonly UseOfModel[],
  known: ReadonlySet<string>,
  starts: readonly string[],
  tz: string,
): readonly { readonly index: number; readonly model: string }[] {
  const first = new Map<string, string>();
  for (const { start, model } of uses) {
    const earliest = first.get(model);
    if (model !== '' && !known.has(model) && (earliest === undefined || start < earliest)) {
      first.set(model, start);
    }
  }
  return [...first]
    .map(([model, start]) => ({ model, index: bucketOf(start, starts, tz) }))
    .sort((a, b) => a.index - b.index);
}

interface Happened {
  readonly moment: string;
  readonly label: string;
}

/** What happened within a period, each label once per bucket. */
export function marksAt(
  happened: readonly Happened[],
  starts: readonly string[],
  period: { readonly since: string; readonly until: string; readonly tz: string },
): readonly Mark[] {
  const [since, until] = [Date.parse(period.since), Date.parse(period.until)];
  const marks = happened
    .filter(({ moment }) => since <= Date.parse(moment) && Date.parse(moment) < until)
    .map(({ moment, label }) => ({ index: bucketOf(moment, starts, period.tz), label }));
  const unique = new Map(marks.map((mark) => [`${mark.index} ${mark.label}`, mark]));
  return [...unique.values()].sort((a, b) => a.index - b.index);
}

/** The last bucket that begins at or before a day or a moment; the first one may be cut. */
export function bucketOf(start: string, starts: readonly string[], tz: string): number {
  const isDay = start.length === 10;
  const begun = starts.filter((one) =>
    isDay ? today(tz, new Date(one)) <= start : Date.parse(one) <= Date.parse(start),
  );
  return Math.max(0, begun.length - 1);
}
