/** The filters of the view in the address, and links to pages about some turns. */

import { useCallback } from 'react';
import type { ChartMetric } from '../charts/metrics';
import { statesView, useCarriedView } from '../period/keptView';
import { useView, withView } from '../period/useView';
import { today, type View } from '../period/view';
import { type Filter, withFilter, withFilters } from './filters';

interface Filters {
  readonly filters: readonly Filter[];
  add(filter: Filter): void;
  replace(filters: readonly Filter[]): void;
}

export function useFilters(): Filters {
  const [view, change] = useView();
  const replace = useCallback((filters: readonly Filter[]) => change({ filters }), [change]);
  return {
    filters: view.filters,
    replace,
    add: (filter) => replace(withFilter(view.filters, filter)),
  };
}

interface Days {
  readonly from: string;
  readonly to: string;
  readonly tz: string;
}

/** Addresses of pages in the view: the same period, zone and filters, with some more filters. */
export function useLinks() {
  const [view] = useView();
  const carried = useCarriedView();
  const to = (path: string, change: Partial<View> = {}) =>
    withView(path, { ...carried, sort: {}, ...change });
  return {
    /** A page with the same view. */
    page: (path: string) => (statesView(path) ? to(path) : path),
    /** The chart of the overview with this metric. */
    metric: (metric: ChartMetric) => to('/', { metric }),
    turns: (...added: Filter[]) => to('/turns', { filters: withFilters(view.filters, added) }),
    turnsOfDays: (filters: readonly Filter[], { from, to: last, tz }: Days) =>
      to('/turns', {
        filters,
        period: 'custom',
        from: today(tz, new Date(from)),
        to: today(tz, new Date(last)),
        tz,
      }),
    /** A person and a dialog are shown whole: no filter goes with them. */
    person: (key: number) => to(`/people/${key}`, { filters: [] }),
    dialog: (id: string, turn?: string) => {
      const address = to(`/dialogs/${id}`, { filters: [] });
      if (turn === undefined) return address;
      return `${address}${address.includes('?') ? '&' : '?'}turn=${turn}`;
    },
  };
}
