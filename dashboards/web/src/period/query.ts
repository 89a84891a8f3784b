/** A view as the API asks for it. */

import { filterQuery } from '../filters/filters';
import { addDays, isMoment, type View } from './view';

export interface PeriodQuery {
  period?: 'day' | 'week' | 'month' | 'custom';
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
