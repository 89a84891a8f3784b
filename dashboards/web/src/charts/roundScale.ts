/** The two scales of a chart: numbers from 0 up to a round one, and buckets side by side. */

export interface NumberScale {
  (value: number): number;
  /** About so many round numbers, 0 the first. */
  ticks(count: number): number[];
}

export interface BucketScale {
  /** The left edge of a bucket. */
  (index: number): number;
  readonly left: number;
  readonly right: number;
  /** From a bucket to the next one. */
  step(): number;
  bandwidth(): number;
}

/** Steps that are 1, 2 or 5 times a power of ten, so that its decimals are as few as can be. */
interface Step {
  /** Whole; a step below 1 is 1 / `parts`. */
  readonly size: number;
  readonly parts: number;
}

/** A new step changes where the ceiling is round, which may change the step: at most so often. */
const MAX_ROUNDS = 10;

/** From 0, at `ground` pixels, to `most` or a round number above it, at `ceiling` pixels. */
export function numberScale(most: number, ground: number, ceiling: number): NumberScale {
  const top = roundedUp(most, 3);
  const scale = (value: number) => ground + (value / top) * (ceiling - ground);
  const ticks = (count: number) => {
    const step = stepOf(top, count);
    const steps = Math.floor(toSteps(top, step) + 1e-9);
    return Array.from({ length: steps + 1 }, (_, index) => fromSteps(index, step));
  };
  return Object.assign(scale, { ticks });
}

/** So many buckets between two places; gaps are parts of a step. */
export function bucketScale(
  buckets: number,
  [left, right]: readonly [number, number],
  gap: { readonly inner: number; readonly outer: number },
): BucketScale {
  const step = (right - left) / Math.max(1, buckets - gap.inner + 2 * gap.outer);
  return Object.assign((index: number) => left + step * (gap.outer + index), {
    left,
    right,
    step: () => step,
    bandwidth: () => step * (1 - gap.inner),
  });
}

function roundedUp(most: number, count: number): number {
  let top = most;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const step = stepOf(top, count);
    const next = fromSteps(Math.ceil(toSteps(top, step) - 1e-9), step);
    if (next === top) break;
    top = next;
  }
  return top;
}

function stepOf(most: number, count: number): Step {
  const raw = most / count;
  const power = Math.floor(Math.log10(raw));
  const error = raw / 10 ** power;
  const factor =
    error >= Math.sqrt(50) ? 10 : error >= Math.sqrt(10) ? 5 : error >= Math.sqrt(2) ? 2 : 1;
  return power < 0
    ? { size: 1, parts: 10 ** -power / factor }
    : { size: factor * 10 ** power, parts: 1 };
}

function toSteps(value: number, { size, parts }: Step): number {
  return (value * parts) / size;
}

function fromSteps(steps: number, { size, parts }: Step): number {
  return (steps * size) / parts;
}
