/** Results of checks, by check and by what they are about. */

import type { CheckResult } from '../api/types';
import type en from '../i18n/en.json';

export type CheckName = keyof (typeof en)['check'];
type GroupName = keyof (typeof en)['quality']['group'];

export interface NamedCheck {
  readonly name: string;
  readonly asset: string;
  readonly checkedAt: string;
  /** One for each day, or one for a whole table. */
  readonly failures: readonly CheckResult[];
  /** The section of docs/runbooks.md that says what to do. */
  readonly runbook: string;
}

export interface CheckGroup {
  readonly name: GroupName;
  readonly checks: readonly NamedCheck[];
}

const GROUPS: readonly GroupName[] = ['age', 'publication', 'days', 'turns', 'runs'];
const OF_AGE = ['data_is_fresh', 'replication_lag', 'ledger_is_not_empty', 'days_are_published'];

function groupOf({ suite, asset, name }: CheckResult): GroupName {
  if (suite === 'batch') return 'publication';
  if (suite === 'runs') return 'runs';
  if (OF_AGE.includes(name)) return 'age';
  return asset === 'daily' ? 'days' : 'turns';
}

function runbookOf({ name, is_blocking }: CheckResult): string {
  if (name === 'no_day_is_withheld' || is_blocking) return 'DaysWithheld';
  return OF_AGE.includes(name) ? 'ReplicationLag' : 'CheckFailed';
}

/** One entry for each check, whatever number of days it failed for. */
export function namedChecks(
  results: readonly CheckResult[],
): (NamedCheck & { group: GroupName })[] {
  const byCheck = new Map<string, CheckResult[]>();
  for (const result of results) {
    const key = `${result.suite}:${result.asset}:${result.name}`;
    byCheck.set(key, [...(byCheck.get(key) ?? []), result]);
  }
  return [...byCheck.values()].flatMap((all) => {
    const [first] = all;
    if (!first) return [];
    return {
      name: first.name,
      asset: first.asset,
      checkedAt: first.checked_at,
      failures: all.filter((result) => !result.passed),
      runbook: runbookOf(first),
      group: groupOf(first),
    };
  });
}

/** The groups that have checks, in the order in which they are shown. */
export function groupChecks(results: readonly CheckResult[]): CheckGroup[] {
  const every = namedChecks(results);
  return GROUPS.map((name) => ({
    name,
    checks: every.filter((check) => check.group === name),
  })).filter(({ checks }) => checks.length > 0);
}
