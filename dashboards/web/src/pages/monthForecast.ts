/** The cost of the running month, day by day: spent so far, and what it is expected to become. */

import type { Decimal } from '../ui/format';

interface Day {
  readonly start: string;
  readonly cost_usd: Decimal | null;
}

export interface MonthLine {
  /** Every day of the month, `YYYY-MM-DD`. */
  readonly days: readonly string[];
  /** Spent up to the end of each day that has begun; null for the days to come. */
  readonly spent: readonly (number | null)[];
  /** From today on up to the expected cost of the whole month; null before, or when it is unknown. */
  readonly expected: readonly (number | null)[];
}

/** `month` is the first day; `points` are its days up to today. */
export function monthLine(
  month: string,
  points: readonly Day[],
  expected: Decimal | null,
): MonthLine {
  const days = daysOf(month);
  let sum = 0;
  const begun = points.slice(0, days.length).map((point) => {
    sum += Number(point.cost_usd ?? 0);
    return sum;
  });
  const today = begun.length - 1;
  const end = days.length - 1;
  const spent = days.map((_, index) => begun[index] ?? null);
  const rest = expected === null ? null : Number(expected) - sum;
  return {
    days,
    spent,
    expected: days.map((_, index) => {
      if (rest === null || today < 0 || index < today) return null;
      return end === today ? sum + rest : sum + (rest * (index - today)) / (end - today);
    }),
  };
}

function daysOf(month: string): readonly string[] {
  const [year, number] = month.split('-').map(Number);
  const count = new Date(Date.UTC(year ?? 0, number ?? 1, 0)).getUTCDate();
  return Array.from({ length: count }, (_, index) => `${month.slice(0, 8)}${pad(index + 1)}`);
}

function pad(day: number): string {
  return String(day).padStart(2, '0');
}
