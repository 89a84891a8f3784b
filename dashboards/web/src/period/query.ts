/** A view as the API asks for it. */

import { addDays, type View } from './view';

export interface PeriodQuery {
  period?: 'day' | 'week' | 'month' | 'custom';
  /** Days, midnight in the zone; `to` is the first day that is not in the period any more. */
  from?: string;
  to?: string;
  tz?: string;
}

export function periodQuery(view: View): PeriodQuery {
  const tz = view.tz ? { tz: view.tz } : {};
  if (view.period !== 'custom' || !view.from || !view.to) return { period: view.period, ...tz };
  return { period: 'custom', from: view.from, to: addDays(view.to, 1), ...tz };
}
