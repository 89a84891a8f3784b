/** Narrows the period of the view to a bucket of a chart, or to an hour of a week. */

import { useView } from './useView';
import { today } from './view';

interface PeriodView {
  readonly since: string;
  readonly until: string;
  readonly tz: string;
  readonly bucket: '15m' | 'hour' | 'day' | 'week' | 'month';
}

const QUARTER = 900_000;
const WEEK_AND_AN_HOUR = 7 * 86_400_000 + 3_600_000;

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

/** The handler of a heatmap; none where its cells are sums of several weeks. */
export function usePickedHour(
  period: PeriodView,
): ((weekday: number, hour: number) => void) | undefined {
  const [, change] = useView();
  const [since, until] = [Date.parse(period.since), Date.parse(period.until)];
  if (until - since > WEEK_AND_AN_HOUR) return undefined;
  return (weekday, hour) => {
    const clock = clockOf(period.tz);
    const quarters: number[] = [];
    for (let moment = since; moment < until; moment += QUARTER) {
      if (clock(moment) === `${weekday}-${hour}`) quarters.push(moment);
    }
    const [first, last] = [quarters[0], quarters.at(-1)];
    if (first !== undefined && last !== undefined) change(momentsOf(first, last + QUARTER));
  };
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
