/** The names of a chart's buckets: short ones for its axis, whole ones for its descriptions. */

import { useFormats } from '../ui/format';
import { lastOf, type TimeAxis } from './model';

/** Of a chart whose times need no days: a whole day, and the hour in which clocks are set back. */
const MAX_MILLISECONDS = 25 * 3_600_000;

interface BucketNames {
  short(index: number): string;
  whole(index: number): string;
}

export function useBucketNames(axis: TimeAxis): BucketNames {
  const formats = useFormats(axis.tz);
  const startOf = (index: number) => axis.starts[index] ?? '';
  const name = (index: number) => {
    if (axis.bucket === 'month') return formats.month(startOf(index));
    if (axis.bucket === 'week') return formats.days(startOf(index), lastOf(axis, index));
    return formats.day(startOf(index));
  };
  const isWithinDay = axis.bucket === 'hour' || axis.bucket === '15m';
  const [first, last] = [startOf(0), startOf(axis.starts.length - 1)];
  // Over more than a day a time alone does not say which.
  const hasDays = Date.parse(last) - Date.parse(first) > MAX_MILLISECONDS;
  const inDay = (index: number) => (hasDays ? formats.moment : formats.time)(startOf(index));
  return {
    short: (index) => (isWithinDay ? inDay(index) : name(index)),
    whole: (index) => {
      if (isWithinDay) return formats.moment(startOf(index));
      return axis.bucket === 'day' ? formats.weekdayAndDay(startOf(index)) : name(index);
    },
  };
}
