/** The widths of a chart's points, and which of them suit a period. */

export const BUCKETS = ['15m', 'hour', 'day', 'week', 'month'] as const;
export type BucketWidth = (typeof BUCKETS)[number];

const HOURS: Readonly<Record<BucketWidth, number>> = {
  '15m': 0.25,
  hour: 1,
  day: 24,
  week: 168,
  month: 720,
};
/** As many as days of the longest period. */
const MAX_POINTS = 1100;

/** How long a bucket usually is. */
export function millisecondsOf(bucket: BucketWidth): number {
  return HOURS[bucket] * 3_600_000;
}

export function isBucket(text: string | null): text is BucketWidth {
  return BUCKETS.some((bucket) => bucket === text);
}

/** The widths that give a period of so many days more than one point, and not too many. */
export function fittingBuckets(days: number): readonly BucketWidth[] {
  return BUCKETS.filter((bucket) => {
    const points = (days * 24) / HOURS[bucket];
    return points > 1 && points <= MAX_POINTS;
  });
}
