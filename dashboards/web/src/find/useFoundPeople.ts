/** The people with a name, asked for once the typing rests. */

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { present } from '../api/api';
import type { NamedPeople } from '../api/types';
import { useScope, useServices } from '../app/services';
import { nameIn } from './exact';

const REST_MILLISECONDS = 250;

export type FoundPeople = ReturnType<typeof useFoundPeople>;

export function useFoundPeople(text: string) {
  const { api } = useServices();
  const mayName = useScope('names:read');
  const rested = useRested(mayName ? nameIn(text) : null);
  const found = useQuery<NamedPeople>({
    queryKey: ['people', 'find', rested],
    queryFn: ({ signal }) =>
      api.client
        .POST('/api/v1/people/find', { body: { text: rested ?? '' }, signal })
        .then(({ data }) => present(data)),
    enabled: rested !== null,
    // The last people stay until the next are there.
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
  const isWanted = mayName && nameIn(text) !== null;
  return {
    mayName,
    people: isWanted ? (found.data?.people ?? []) : [],
    isComplete: found.data?.is_complete ?? true,
    isSearching: isWanted && (found.isFetching || rested !== nameIn(text)),
    error: isWanted ? found.error : null,
  };
}

function useRested(value: string | null): string | null {
  const [rested, setRested] = useState<string | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), REST_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}
