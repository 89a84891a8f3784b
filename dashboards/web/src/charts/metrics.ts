/** What a chart over time can show, and how. No drawing, no React. */

import type { Decimal } from '../ui/format';

export interface Figures {
  readonly user_messages: number;
  readonly active_users: number;
  readonly new_users: number;
  readonly turns: number;
  readonly served_turns: number;
  readonly answers: number;
  readonly failed: number;
  readonly rejected: number;
  readonly tokens: number;
  readonly cost_usd: Decimal | null;
  readonly latency_p50_ms: number | null;
  readonly latency_p95_ms: number | null;
}

export type Unit = 'count' | 'money' | 'percent' | 'milliseconds';

interface Shape {
  readonly kind: 'bar' | 'line';
  readonly tone: 'blue' | 'orange' | 'green' | 'red' | 'violet' | 'grey';
  readonly unit: Unit;
  readonly read: (point: Figures) => number | null;
}

const shapes = {
  user_messages: count('blue', 'user_messages'),
  active_users: { ...count('orange', 'active_users'), kind: 'line' },
  new_users: count('orange', 'new_users'),
  turns: count('blue', 'turns'),
  answers: count('blue', 'answers'),
  failed: count('red', 'failed'),
  error_rate: {
    kind: 'line',
    tone: 'red',
    unit: 'percent',
    // Of nothing there is no share.
    read: (point) => (point.served_turns === 0 ? null : point.failed / point.served_turns),
  },
  rejected: count('grey', 'rejected'),
  tokens: count('violet', 'tokens'),
  cost_usd: {
    kind: 'bar',
    tone: 'green',
    unit: 'money',
    read: ({ cost_usd }) => (cost_usd === null ? null : Number(cost_usd)),
  },
  latency_p50_ms: time('latency_p50_ms'),
  latency_p95_ms: time('latency_p95_ms'),
} as const satisfies Record<string, Shape>;

export type ChartMetric = keyof typeof shapes;

export const CHART_METRICS = Object.keys(shapes) as readonly ChartMetric[];

export function isChartMetric(text: string | null): text is ChartMetric {
  return CHART_METRICS.some((metric) => metric === text);
}

export function shapeOf(metric: ChartMetric): Shape {
  return shapes[metric];
}

function count(tone: Shape['tone'], field: 'user_messages' | 'turns' | keyof Counts): Shape {
  return { kind: 'bar', tone, unit: 'count', read: (point) => point[field] };
}

type Counts = Pick<
  Figures,
  'active_users' | 'new_users' | 'answers' | 'failed' | 'rejected' | 'tokens'
>;

function time(field: 'latency_p50_ms' | 'latency_p95_ms'): Shape {
  return { kind: 'line', tone: 'violet', unit: 'milliseconds', read: (point) => point[field] };
}
