/** One report, asked again every few seconds; what stands on the page stays until the next answer. */

import { keepPreviousData, type UseQueryResult, useQuery } from '@tanstack/react-query';
import { useServices } from '../app/services';
import { ApiError, isCounting, mayPass } from './errors';
import type { ReportAnswer, ReportPath, ReportQuery } from './types';

export const REFRESH_MILLISECONDS = 10_000;

/** With null instead of a query nothing is asked, and there is no answer. */
export function useReport<P extends ReportPath>(
  path: P,
  query: ReportQuery<P> | null,
): UseQueryResult<ReportAnswer<P>> {
  const { api } = useServices();
  return useQuery({
    queryKey: [path, query],
    queryFn: ({ signal }) => api.report(path, query as ReportQuery<P>, signal),
    enabled: query !== null,
    placeholderData: (before) => (query === null ? undefined : keepPreviousData(before)),
    refetchInterval: ({ state: { error } }) =>
      error instanceof ApiError && isCounting(error) && error.retryAfterSeconds
        ? error.retryAfterSeconds * 1000
        : REFRESH_MILLISECONDS,
    retry: (failures, error) => mayPass(error) && failures < 1,
    retryDelay: 1000,
  }) as UseQueryResult<ReportAnswer<P>>;
}
