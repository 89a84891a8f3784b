/** What a question has brought so far: numbers, a placeholder of the same size, or an error. */

import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ErrorBoundary } from './ErrorBoundary';
import { Failure, Skeleton } from './states';

interface Props<T> {
  readonly query: UseQueryResult<T>;
  /** Pixels or a CSS length: the room that the numbers will take. */
  readonly height: number | string;
  readonly children: (data: T) => ReactNode;
}

/** Numbers that are there stay when a later question fails: the badge tells that they are old. */
export function Loaded<T>({ query, height, children }: Props<T>) {
  if (query.data !== undefined && !(query.isError && query.isPlaceholderData)) {
    return (
      <div className={query.isPlaceholderData ? 'stale' : undefined}>
        <ErrorBoundary resetKey={query.data} height={height}>
          <Drawn data={query.data}>{children}</Drawn>
        </ErrorBoundary>
      </div>
    );
  }
  if (query.isError) {
    return <Failure error={query.error} onRetry={() => query.refetch()} height={height} />;
  }
  return <Skeleton height={height} />;
}

interface DrawnProps<T> {
  readonly data: T;
  readonly children: (data: T) => ReactNode;
}

/** Draws below the boundary: an error in `children` itself is caught there as well. */
function Drawn<T>({ data, children }: DrawnProps<T>) {
  return children(data);
}
