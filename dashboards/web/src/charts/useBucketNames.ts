/** The names of a chart's buckets: short ones for its axis, whole ones for its descriptions. */

import { useFormats } from '../ui/format';
import { lastOf, type TimeAxis } from './model';

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
  return {
    short: (index) => (isWithinDay ? formats.time(startOf(index)) : name(index)),
    whole: (index) => (isWithinDay ? formats.moment(startOf(index)) : name(index)),
  };
}
