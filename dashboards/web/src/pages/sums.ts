/** Many rows of a report as one: counts add up, rates follow from them, percentiles do not. */

import type { CauseRow, ModelRow } from '../api/types';

export function sumOfModels(rows: readonly ModelRow[]): ModelRow {
  const sum = (key: Counted) => rows.reduce((total, row) => total + row[key], 0);
  const [served, asked, answers] = [sum('served_turns'), sum('asked_turns'), sum('answers')];
  const cost = costOf(rows);
  return {
    model: '',
    turns: sum('turns'),
    served_turns: served,
    answers,
    failed: sum('failed'),
    incomplete: sum('incomplete'),
    fallbacks: sum('fallbacks'),
    share: sum('share'),
    error_rate: ratio(sum('failed'), served),
    asked_turns: asked,
    handed_over: sum('handed_over'),
    fallback_rate: ratio(sum('handed_over'), asked),
    fallback_wait_ms: sum('fallback_wait_ms'),
    fallback_cost_usd: rows.reduce((total, row) => total + Number(row.fallback_cost_usd), 0),
    active_users: Math.max(...rows.map((row) => row.active_users)),
    prompt_tokens: sum('prompt_tokens'),
    completion_tokens: sum('completion_tokens'),
    tokens: sum('tokens'),
    cost_usd: cost,
    unpriced_turns: sum('unpriced_turns'),
    cost_per_answer_usd: cost === null ? null : ratio(cost, answers),
    latency_p50_ms: null,
    latency_p95_ms: null,
    latency_p99_ms: null,
    ttft_p50_ms: null,
    ttft_p95_ms: null,
    ttft_p99_ms: null,
    tokens_per_second: null,
  };
}

/** A row of causes, or many of them as one. */
export type CauseLine = Omit<CauseRow, 'rate'> & { readonly rate: number | null };

export function sumOfCauses(rows: readonly CauseLine[]): CauseLine {
  return {
    kind: '',
    cause: '',
    model: '',
    turns: rows.reduce((total, row) => total + row.turns, 0),
    // Each row is a share of another model's turns.
    rate: null,
  };
}

type Counted = {
  [Key in keyof ModelRow]: ModelRow[Key] extends number ? Key : never;
}[keyof ModelRow];

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** Unknown only when no row knows its cost. */
function costOf(rows: readonly ModelRow[]): number | null {
  const known = rows.flatMap((row) => (row.cost_usd === null ? [] : [Number(row.cost_usd)]));
  return known.length === 0 && rows.length > 0 ? null : known.reduce((a, b) => a + b, 0);
}
