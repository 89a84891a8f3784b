/** Whether the steps of the setup are shown: from an empty installation on, until all are done. */

import { useEffect, useState } from 'react';
import { isCounting } from '../api/errors';
import { useReport } from '../api/useReport';
import { useServices } from '../app/services';

const KEY = 'dialytics.setup';

export interface SetupState {
  readonly isShown: boolean;
  readonly end: () => void;
}

/** The browser remembers that the steps are open: the first message must not hide the rest. */
export function useSetup(): SetupState {
  const { storage } = useServices();
  const [kept, setKept] = useState(() => storage.getItem(KEY));
  const { data, error } = useReport('/api/v1/stats/freshness', {});
  const isEmpty = data ? data.freshness.turns === 0 : isCounting(error);
  const keep = (value: 'open' | 'done') => {
    storage.setItem(KEY, value);
    setKept(value);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: `keep` is another function each time
  useEffect(() => {
    if (isEmpty && kept === null) keep('open');
  }, [isEmpty, kept]);
  return { isShown: kept === 'open', end: () => keep('done') };
}
