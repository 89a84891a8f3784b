/** The day of the first turn that there is, in the zone of the reports; null until it is known. */

import { useReport } from '../api/useReport';

export function useFirstDay(): string | null {
  return useReport('/api/v1/stats/freshness', {}).data?.freshness.first_day ?? null;
}

/** Whether there has ever been a turn; true until it is known. */
export function useHasData(): boolean {
  return useReport('/api/v1/stats/freshness', {}).data?.freshness.turns !== 0;
}
