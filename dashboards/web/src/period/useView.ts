/** The view kept in the URL: reading it, changing it, and linking to another page with it. */

import { useCallback, useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { fittingBuckets } from '../charts/buckets';
import { mostDays, readView, type View, writeView } from './view';

export function useView(): [View, (change: Partial<View>) => void] {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const view = useMemo(() => readView(new URLSearchParams(search)), [search]);
  const change = useCallback(
    (part: Partial<View>) => navigate(withView(path, fitting({ ...view, ...part }))),
    [navigate, path, view],
  );
  return [view, change];
}

/** The view without a width of points that does not suit its period. */
function fitting(view: View): View {
  const isFit = view.bucket === null || fittingBuckets(mostDays(view)).includes(view.bucket);
  return isFit ? view : { ...view, bucket: null };
}

export function withView(path: string, view: View): string {
  const search = writeView(view).toString();
  return search ? `${path}?${search}` : path;
}
