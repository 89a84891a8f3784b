/** Narrows the period of the view to a bucket of a chart, or to an hour of a date. */

import { useView } from './useView';
import { today } from './view';

interface PeriodView {
  readonly since: string;
  readonly until: string;
  readonly tz: string;
  readonly bucket: '15m' | 'hour' | 'day' | 'week' | 'month';
}

const QUARTER = 900_000;
const ALMOST_A_WEEK = 7 * 86_400_000 - 3 * 3_600_000;

/** The handler of a chart whose buckets begin at `starts`: from one bucket to another. */
export function usePickedBucket(
  period: PeriodView,
  starts: readonly string[],
): ((first: number, last: number) => void) | undefined {
  const [, change] = useView();
  if (starts.length < 2) return undefined;
  return (first, last) => {
    const start = starts[first];
    if (start === undefined) return;
    const end = starts[last + 1] ?? period.until;
    if (period.bucket === 'hour' || period.bucket === '15m') {
      change(momentsOf(Date.parse(start), Date.parse(end)));
    } else {
      const from = today(period.tz, new Date(start));
      const to = today(period.tz, new Date(Date.parse(end) - 1));
      change({ period: 'custom', from, to });
    }
  };
}

/** An hour of one date, in moments `[from, to)`. */
export interface HourSpan {
  readonly from: number;
  readonly to: number;
}

/** The handlers of a heatmap: the dates that a cell is the sum of, and to narrow to one of them. */
export function usePickedHour(
  period: PeriodView,
  known: { readonly firstDay: string | null; readonly through: string },
) {
  const [, change] = useView();
  return {
    spansOf: (weekday: number, hour: number) =>
      spansOf({ ...period, until: earlier(period.until, known.through) }, weekday, hour).filter(
        ({ to }) => !known.firstDay || today(period.tz, new Date(to - 1)) >= known.firstDay,
      ),
    onPick: ({ from, to }: HourSpan) => change(momentsOf(from, to)),
  };
}

export function earlier(one: string, other: string): string {
  return Date.parse(one) < Date.parse(other) ? one : other;
}

const EACH_HOUR_ONCE = 8 * 86_400_000;

/** Whether the span holds an hour of a weekday, for all of them at once. */
export function holds({ since, until, tz }: Pick<PeriodView, 'since' | 'until' | 'tz'>) {
  const [start, end] = [Date.parse(since), Date.parse(until)];
  if (end - start >= EACH_HOUR_ONCE) return () => true;
  const isShown = clockOf(tz);
  const held = new Set<string>();
  for (let moment = start; moment < end; moment += QUARTER) held.add(isShown(moment));
  return (weekday: number, hour: number) => held.has(`${weekday}-${hour}`);
}

/** Each time that the clock of the zone shows this hour of this weekday, the newest first. */
export function spansOf(
  { since, until, tz }: Pick<PeriodView, 'since' | 'until' | 'tz'>,
  weekday: number,
  hour: number,
): readonly HourSpan[] {
  const isShown = clockOf(tz);
  const found: HourSpan[] = [];
  let moment = Date.parse(since);
  const end = Date.parse(until);
  while (moment < end) {
    const from = moment;
    while (moment < end && isShown(moment) === `${weekday}-${hour}`) moment += QUARTER;
    if (moment === from) {
      moment += QUARTER;
    } else {
      found.unshift({ from, to: moment });
      // The next one is a week later, give or take a change of clocks.
      moment = from + ALMOST_A_WEEK;
    }
  }
  return found;
}

function momentsOf(from: number, to: number) {
  const written = (moment: number) => `${new Date(moment).toISOString().slice(0, 16)}Z`;
  return { period: 'custom' as const, from: written(from), to: written(to) };
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** Weekday (1 Monday) and hour of a moment in a zone. */
function clockOf(timeZone: string): (moment: number) => string {
  const format = new Intl.DateTimeFormat('en', {
    timeZone,
    weekday: 'short',
    hour: 'numeric',
    hourCycle: 'h23',
  });
  return (moment) => {
    const parts = Object.fromEntries(
      format.formatToParts(moment).map(({ type, value }) => [type, value]),
    );
    return `${WEEKDAYS.indexOf(parts.weekday ?? '') + 1}-${Number(parts.hour)}`;
  };
}
