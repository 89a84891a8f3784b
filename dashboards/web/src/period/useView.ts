/** The view kept in the URL: reading it, changing it, and linking to another page with it. */

import { useCallback, useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { readView, type View, writeView } from './view';

export function useView(): [View, (change: Partial<View>) => void] {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const view = useMemo(() => readView(new URLSearchParams(search)), [search]);
  const change = useCallback(
    (part: Partial<View>) => navigate(withView(path, { ...view, ...part })),
    [navigate, path, view],
  );
  return [view, change];
}

export function withView(path: string, view: View): string {
  const search = writeView(view).toString();
  return search ? `${path}?${search}` : path;
}
