/** Answers of the API with round numbers, and a player that hands them out by path. */

import type { components } from '../src/api/schema';
import type { Play } from './world';

type Schemas = components['schemas'];

export const THROUGH = '2026-03-10T11:59:50Z';

const AGE = {
  lag_seconds: 10,
  data_through: THROUGH,
  snapshot: '1-2-3',
  report_timezone: 'Europe/Moscow',
};

const ENVELOPE = {
  ...AGE,
  newest_through: AGE.data_through,
  is_partial: true,
  period: {
    name: 'week',
    since: '2026-03-03T21:00:00Z',
    until: '2026-03-10T21:00:00Z',
    tz: 'Europe/Moscow',
    bucket: 'day',
  },
} as const;

export function totals(part: Partial<Schemas['Totals']> = {}): Schemas['Totals'] {
  return {
    user_messages: 1200,
    turns: 1000,
    served_turns: 980,
    answers: 950,
    incomplete: 5,
    failed: 20,
    rejected: 20,
    cancelled: 10,
    active_users: 240,
    served_users: 235,
    rejected_users: 5,
    reached_users: 230,
    new_users: 60,
    prompt_tokens: 90_000,
    completion_tokens: 30_000,
    cached_tokens: 0,
    reasoning_tokens: 0,
    tokens: 120_000,
    cost_usd: 12.5,
    unpriced_turns: 0,
    fallbacks: 3,
    split_answers: 2,
    flood_wait_ms: 0,
    pacing_wait_ms: 0,
    messages_per_user: 5,
    latency_p50_ms: 1500,
    latency_p95_ms: 4200,
    ttft_p50_ms: 600,
    ttft_p95_ms: 1800,
    ...part,
  } as Schemas['Totals'];
}

export function days(count: number): string[] {
  return Array.from({ length: count }, (_, day) =>
    new Date(Date.UTC(2026, 2, 3 + day, 21)).toISOString(),
  );
}

export function point(start: string, index: number) {
  return {
    start,
    user_messages: 100 + index * 10,
    turns: 90,
    served_turns: 90,
    answers: 88,
    failed: 1,
    rejected: 1,
    abandoned: 2,
    active_users: 40 + index,
    served_users: 40 + index,
    new_users: 4,
    tokens: 10_000,
    cost_usd: 1.25,
    unpriced_turns: 0,
    latency_p50_ms: 1500,
    latency_p95_ms: 4000,
  };
}

export const dialog = {
  dialog_id: '0b8f9a4e-0000-4000-8000-000000000001',
  bot_id: 1,
  user_key: 42,
  users: 1,
  chat_type: 'private',
  language: 'en',
  turns: 3,
  user_messages: 4,
  answers: 3,
  tokens: 1500,
  cost_usd: 0.02,
  unpriced_turns: 0,
  first_turn_at: '2026-03-10T10:00:00Z',
  last_turn_at: '2026-03-10T11:00:00Z',
  last_status: 'answered',
  last_model: 'fast-model',
} as Schemas['DialogView'];

export const topUser = {
  user_key: 42,
  user_messages: 321,
  turns: 300,
  answers: 290,
  tokens: 50_000,
  cost_usd: 0.7,
  unpriced_turns: 0,
  last_turn_at: '2026-03-10T11:00:00Z',
} as Schemas['TopUser'];

export function model(name: string, part: Partial<Schemas['ModelRow']> = {}): Schemas['ModelRow'] {
  return {
    model: name,
    turns: 500,
    served_turns: 500,
    answers: 490,
    failed: 10,
    incomplete: 0,
    fallbacks: 0,
    share: 0.5,
    error_rate: 0.02,
    asked_turns: 500,
    handed_over: 0,
    fallback_rate: 0,
    fallback_wait_ms: 0,
    fallback_cost_usd: 0,
    active_users: 100,
    prompt_tokens: 1,
    completion_tokens: 1,
    tokens: 2,
    cost_usd: 6.25,
    unpriced_turns: 0,
    cost_per_answer_usd: 0.0125,
    latency_p50_ms: 1000,
    latency_p95_ms: 2000,
    latency_p99_ms: 3000,
    ttft_p50_ms: 500,
    ttft_p95_ms: 900,
    ttft_p99_ms: 1200,
    tokens_per_second: 40,
    ...part,
  } as Schemas['ModelRow'];
}

const SLOW = {
  failed: 40,
  error_rate: 0.08,
  handed_over: 7,
  fallback_wait_ms: 90_000,
  fallback_cost_usd: 0.25,
  tokens_per_second: 12.5,
};

export const turn = {
  turn_id: '0b8f9a4e-0000-4000-8000-0000000000aa',
  dialog_id: dialog.dialog_id,
  received_at: '2026-03-10T11:00:00Z',
  bot_id: 1,
  user_key: 42,
  chat_type: 'private',
  language: 'en',
  source: 'ads',
  status: 'failed',
  cause: 'timeout',
  model_asked: 'slow-model',
  model_used: 'fast-model',
  fallback_cause: 'rate_limited',
  user_messages: 1,
  prompt_tokens: 900,
  completion_tokens: 100,
  cost_usd: 0.01,
  is_unpriced: false,
  answer_parts: 2,
  latency_ms: 1500,
  ttft_ms: 400,
} as Schemas['ListedTurn'];

const step = { eligible: 10, users: 4, rate: 0.4 };
const source = {
  source: null,
  started: 12,
  activated: step,
  day_1: step,
  day_7: step,
  day_30: { eligible: 0, users: 0, rate: null },
  cost_usd: 1,
  unpriced_turns: 0,
  cost_per_activated_usd: 0.25,
};

export const ANSWERS: Record<string, object> = {
  '/api/v1/stats': {
    ...ENVELOPE,
    people: { '42': { name: 'Ann Lee', username: 'ann' } },
    summary: {
      current: totals(),
      previous: totals({ active_users: 200, user_messages: 1500, failed: 40, new_users: 0 }),
      previous_since: '2026-02-24T21:00:00Z',
      previous_until: '2026-03-03T21:00:00Z',
    },
    activity: { points: days(7).map(point), previous: days(7).map(point) },
    recent_dialogs: [dialog],
    top_users: [topUser],
  },
  '/api/v1/stats/summary': {
    ...ENVELOPE,
    summary: { current: totals(), previous: null, previous_since: null, previous_until: null },
  },
  '/api/v1/stats/heatmap': {
    ...ENVELOPE,
    heatmap: {
      cells: Array.from({ length: 168 }, (_, cell) => ({
        weekday: Math.floor(cell / 24) + 1,
        hour: cell % 24,
        user_messages: cell,
        turns: cell,
        active_users: 3,
      })),
    },
  },
  '/api/v1/stats/models': {
    ...ENVELOPE,
    models: {
      models: [model('fast-model'), model('slow-model', SLOW)],
      causes: [
        { kind: 'fallback', cause: 'timeout', model: 'slow-model', turns: 7, rate: 0.014 },
        { kind: 'outcome', cause: 'rate_limited', model: '', turns: 3, rate: 1 },
      ],
    },
  },
  '/api/v1/stats/feedback': {
    ...ENVELOPE,
    feedback: {
      good_ratings: 9,
      bad_ratings: 3,
      satisfaction: 0.75,
      groups: [
        {
          dimension: 'model',
          value: 'fast-model',
          good_ratings: 9,
          bad_ratings: 3,
          satisfaction: 0.75,
        },
        { dimension: 'source', value: null, good_ratings: 9, bad_ratings: 3, satisfaction: 0.75 },
        {
          dimension: 'given_by',
          value: 'reaction',
          good_ratings: 9,
          bad_ratings: 3,
          satisfaction: 0.75,
        },
      ],
    },
  },
  '/api/v1/stats/commands': {
    ...ENVELOPE,
    commands: {
      command_uses: 7,
      command_people: 3,
      names: [
        { name: 'usage', command_uses: 5, command_people: 3 },
        { name: 'unknown', command_uses: 2, command_people: 1 },
      ],
      buckets: days(7).map((start) => ({ start, command_uses: 1, command_people: 1 })),
      points: days(7).map((start) => ({
        start,
        name: 'usage',
        command_uses: 1,
        command_people: 1,
      })),
    },
  },
  '/api/v1/stats/blocks': {
    ...ENVELOPE,
    blocks: {
      blocked_people: 4,
      unblocked_people: 1,
      points: days(7).map((start) => ({ start, blocked_people: 1, unblocked_people: 0 })),
    },
  },
  '/api/v1/stats/sessions': {
    ...ENVELOPE,
    sessions: {
      sessions: 400,
      session_turns: 1000,
      turns_per_session: 2.5,
      session_p50_ms: 90_000,
      points: days(7).map((start, index) => ({
        start,
        sessions: index,
        session_turns: index,
        turns_per_session: index ? 1 : null,
        session_p50_ms: index ? 0 : null,
      })),
    },
  },
  '/api/v1/stats/costs': {
    ...ENVELOPE,
    costs: {
      cost_usd: 12.5,
      unpriced_turns: 3,
      unpriced_models: [{ model: 'free-model', turns: 3 }],
      active_users: 240,
      served_users: 240,
      answers: 950,
      cost_per_served_user_usd: 0.052,
      cost_per_answer_usd: 0.0131,
      points: days(7).map((start, index) => ({
        start,
        cost_usd: index === 2 ? null : 1.5,
        unpriced_turns: 0,
        tokens: 1,
        active_users: 1,
        served_users: 1,
        cost_per_served_user_usd: null,
      })),
    },
  },
  '/api/v1/stats/users/top': {
    ...ENVELOPE,
    by: 'messages',
    people: {},
    top_users: [topUser],
  },
  '/api/v1/stats/lifecycle': {
    ...ENVELOPE,
    lifecycle: {
      tz: 'Europe/Moscow',
      points: days(7).map((start) => ({
        start: start.slice(0, 10),
        active: 9,
        new: 2,
        returning: 6,
        resurrected: 1,
        dormant: 3,
        churned: 0,
      })),
    },
  },
  '/api/v1/stats/funnel': {
    ...ENVELOPE,
    funnel: {
      tz: 'Europe/Moscow',
      total: source,
      sources: [source, { ...source, source: 'habr' }],
      others: null,
    },
  },
  '/api/v1/stats/dialogs': {
    ...ENVELOPE,
    people: { '42': { name: null, username: 'ann' } },
    dialogs: [dialog],
    next_cursor: 'page-2',
  },
  '/api/v1/stats/turns': {
    ...ENVELOPE,
    people: { '42': { name: 'Ann Lee', username: 'ann' } },
    turns: [turn],
    next_cursor: null,
  },
  '/api/v1/stats/users/one': {
    ...AGE,
    people: { '42': { name: 'Ann Lee', username: 'ann' } },
    person: {
      user_key: 42,
      first_turn_at: '2026-01-05T10:00:00Z',
      last_turn_at: '2026-03-10T11:00:00Z',
      active_days: 17,
      language: 'en',
      source: 'ads',
      blocked_at: null,
      turns: 300,
      user_messages: 321,
      answers: 290,
      failed: 7,
      rejected: 0,
      tokens: 50_000,
      cost_usd: 0.7,
      unpriced_turns: 0,
    },
  },
  '/api/v1/stats/activity': {
    ...ENVELOPE,
    activity: { points: days(7).map(point), previous: [] },
  },
  '/api/v1/bill': { limits: [] },
  '/api/v1/stats/forecast': {
    ...AGE,
    forecast: {
      month: '2026-03-01',
      spent_usd: 8.75,
      unpriced_turns: 0,
      history_days: 56,
      expected_usd: 40,
      low_usd: 36.5,
      high_usd: 43.5,
    },
  },
  '/api/v1/stats/dimensions': {
    ...ENVELOPE,
    dimensions: {
      bots: [1],
      chat_types: ['private'],
      languages: ['en'],
      models: ['fast-model', 'slow, model'],
      sources: ['ads'],
      causes: ['timeout'],
      fallback_causes: ['timeout'],
    },
  },
  '/api/v1/stats/retention': {
    ...ENVELOPE,
    width: 'day',
    retention: {
      width: 'day',
      tz: 'Europe/Moscow',
      cohorts: [
        { start: '2026-03-08', users: 20, active: [20, 8, 0] },
        { start: '2026-03-09', users: 10, active: [10, 5, null] },
        { start: '2026-03-10', users: 0, active: [] },
      ],
    },
  },
  '/api/v1/stats/stickiness': {
    ...ENVELOPE,
    stickiness: {
      tz: 'Europe/Moscow',
      average_dau: 40,
      average_dau_mau: 0.25,
      points: days(7).map((start) => ({
        day: start.slice(0, 10),
        dau: 40,
        wau: 90,
        mau: 160,
        dau_mau: 0.25,
      })),
    },
  },
  '/api/v1/stats/quality': {
    ...ENVELOPE,
    quality: {
      is_ok: true,
      checks: [
        {
          suite: 'batch',
          asset: 'activity',
          name: 'tiers_agree',
          day: '2026-03-09',
          is_blocking: true,
          passed: true,
          checked_at: '2026-03-10T11:00:00Z',
          observed: '0',
          expected: '0',
        },
      ],
      days: [
        {
          day: '2026-03-09',
          compared_at: '2026-03-10T01:00:00Z',
          source_turns: 500,
          warehouse_turns: 500,
          source_tokens: 1,
          warehouse_tokens: 1,
          source_cost_usd: 1,
          warehouse_cost_usd: 1,
          source_users: 1,
          warehouse_users: 1,
          rows_differ: 0,
          was_repaired: false,
          is_equal: true,
        },
      ],
      days_withheld: [],
    },
  },
  '/api/v1/stats/now': {
    ...AGE,
    now: {
      since: '2026-03-10T11:31:00Z',
      until: '2026-03-10T12:01:00Z',
      turns: 9,
      active_users: 5,
      points: Array.from({ length: 30 }, (_, minute) => ({
        start: new Date(Date.UTC(2026, 2, 10, 11, 31 + minute)).toISOString(),
        turns: minute === 29 ? 9 : 0,
        active_users: minute === 29 ? 5 : 0,
      })),
    },
  },
  '/api/v1/stats/freshness': {
    ...AGE,
    freshness: {
      snapshot_id: '1-2-3',
      data_through: THROUGH,
      published_at: THROUGH,
      replicated_at: THROUGH,
      checked_at: THROUGH,
      epoch: 1,
      watermark: 2,
      replication_lag_seconds: 3,
      held_back_by: null,
      turns: 12_345,
      first_day: '2026-01-01',
      last_day: '2026-03-10',
    },
  },
};

/** The answer for a path; a test lays its own over them. */
export function playing(own: Record<string, Play | object> = {}): Play {
  return (request) => {
    const { pathname } = new URL(request.url);
    const found = own[pathname] ?? ANSWERS[pathname];
    return typeof found === 'function' ? (found as Play)(request) : found;
  };
}
