/** Whether a difference means something: enough cases, and an interval that leaves no doubt. */

/** Of the normal distribution: 95 of 100. */
const Z = 1.96;
/** The same for 99 of 100. */
const Z_99 = 2.576;
export const MIN_CASES = 30;
const MIN_FAILURES = 10;
const MIN_ANSWERS = 100;
/** Of a median, whose spread is not known here. */
const MIN_CHANGE_OF_TIME = 0.1;

interface Part {
  readonly some: number;
  readonly all: number;
}

/** Between which shares the true one lies (Wilson's interval, 99 % unless stated). */
export function interval({ some, all }: Part, z = Z_99) {
  if (all === 0) return { low: 0, high: 1 };
  const share = some / all;
  const scale = 1 + z ** 2 / all;
  const centre = (share + z ** 2 / (2 * all)) / scale;
  const half = (z / scale) * Math.sqrt((share * (1 - share)) / all + z ** 2 / (4 * all ** 2));
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** Whether the first share is above the second beyond chance: their intervals do not touch. */
export function isAbove(first: Part, second: Part): boolean {
  const isEnough = Math.min(first.all, second.all) >= MIN_CASES && first.some >= MIN_FAILURES;
  return isEnough && interval(first).low > interval(second).high;
}

/** Whether what was above beyond chance has not come near: its interval of 95 % is still above. */
export function isStillAbove(first: Part, second: Part): boolean {
  const isEnough = first.some >= MIN_FAILURES && second.all > 0;
  return isEnough && interval(first, Z).low > second.some / second.all;
}

/** Whether two shares differ beyond chance. */
export function differ(first: Part, second: Part): boolean {
  if (Math.min(first.all, second.all) < MIN_CASES) return false;
  const share = (first.some + second.some) / (first.all + second.all);
  const error = Math.sqrt(share * (1 - share) * (1 / first.all + 1 / second.all));
  return Math.abs(first.some / first.all - second.some / second.all) > Z * error;
}

/** Whether two counts of the same stretch of time differ beyond chance. */
export function countsDiffer(now: number, before: number): boolean {
  return now + before >= MIN_CASES && Math.abs(now - before) > Z * Math.sqrt(now + before);
}

interface Timed {
  readonly median: number | null;
  readonly answers: number;
}

/** Whether two medians of answer times differ enough to be spoken of. */
export function timesDiffer(now: Timed, before: Timed): boolean {
  if (!now.median || !before.median) return false;
  const isEnough = Math.min(now.answers, before.answers) >= MIN_ANSWERS;
  return isEnough && Math.abs(now.median / before.median - 1) >= MIN_CHANGE_OF_TIME;
}
