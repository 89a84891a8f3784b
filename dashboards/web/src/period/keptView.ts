/**
 * The view that links between pages carry. Most pages state it in their address; some have an
 * address of their own, and some are about one thing alone: after those the view of the page
 * before goes on.
 */

import { createContext, useContext, useEffect } from 'react';
import { useLocation, useSearch } from 'wouter';
import { DEFAULT_VIEW, readView, type View } from './view';

/** Their addresses have other arguments, some of the same names. */
const WITHOUT_VIEW = /^\/(account|accounts|audit)$/;
/** The filters in their addresses are about what they show, not about the turns of all pages. */
const WITH_OWN_FILTERS = /^\/(alerts|people\/.*|dialogs\/.+)$/;

/** Remembers the view as long as the dashboard is open. */
export class KeptView {
  view: View = DEFAULT_VIEW;
}

const Context = createContext(new KeptView());
export const KeptViewProvider = Context.Provider;

/** The view for a link on the page on the screen. */
export function useCarriedView(): View {
  const kept = useContext(Context);
  const [path] = useLocation();
  return carried(path, useSearch(), kept.view);
}

/** Remembers the view of the page on the screen, for the pages after it. */
export function useKeepView(kept: KeptView): void {
  const [path] = useLocation();
  const search = useSearch();
  useEffect(() => {
    kept.view = carried(path, search, kept.view);
  }, [kept, path, search]);
}

export function statesView(path: string): boolean {
  return !WITHOUT_VIEW.test(path);
}

function carried(path: string, search: string, kept: View): View {
  if (!statesView(path)) return kept;
  const view = readView(new URLSearchParams(search));
  return WITH_OWN_FILTERS.test(path) ? { ...view, filters: kept.filters } : view;
}
