/** The view of the URL and the period that it asks the API for. */

import { useMemo } from 'react';
import { type PeriodQuery, periodQuery } from '../period/query';
import { useView } from '../period/useView';
import type { View } from '../period/view';

export function usePageQuery(): [View, PeriodQuery] {
  const [view] = useView();
  const query = useMemo(() => periodQuery(view), [view]);
  return [view, query];
}
