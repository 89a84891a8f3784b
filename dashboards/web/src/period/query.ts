/** A view as the API asks for it. */

import { type BucketWidth, fittingBuckets } from '../charts/buckets';
import { filterQuery } from '../filters/filters';
import { addDays, isMoment, mostDays, type PeriodName, type View } from './view';

export interface PeriodQuery {
  period?: PeriodName;
  /** Days, midnight in the zone; `to` is the first day that is not in the period any more. */
  from?: string;
  to?: string;
  tz?: string;
  /** JSON. */
  filters?: string;
}

export function periodQuery(view: View): PeriodQuery {
  const rest = { ...(view.tz ? { tz: view.tz } : {}), ...filterQuery(view.filters) };
  if (view.period !== 'custom' || !view.from || !view.to) return { period: view.period, ...rest };
  const to = isMoment(view.to) ? view.to : addDays(view.to, 1);
  return { period: 'custom', from: view.from, to, ...rest };
}

interface SeriesQuery extends PeriodQuery {
  bucket?: BucketWidth;
}

/** The same for a report over time: with the width of its points. */
export function seriesQuery(view: View): SeriesQuery {
  const fits = view.bucket && fittingBuckets(mostDays(view)).includes(view.bucket);
  return { ...periodQuery(view), ...(fits && view.bucket ? { bucket: view.bucket } : {}) };
}

interface CompareQuery extends SeriesQuery {
  compare: boolean;
  compare_with?: 'weekdays' | 'year';
  compare_from?: string;
}

/** The same with the period that this one is compared with. */
export function compareQuery(view: View): CompareQuery {
  const { compare, compareWith } = view;
  const query = { ...seriesQuery(view), compare };
  if (!compare || compareWith === 'before') return query;
  if (compareWith === 'weekdays' || compareWith === 'year') {
    return { ...query, compare_with: compareWith };
  }
  return { ...query, compare_from: compareWith };
}
