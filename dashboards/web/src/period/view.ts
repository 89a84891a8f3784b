/**
 * What an analyst is looking at: period, zone, comparison, chart. Lives in the URL, so that a view can be
 * shared. Knows nothing about HTTP or React.
 */

import { type BucketWidth, isBucket } from '../charts/buckets';
import { type ChartMetric, isChartMetric } from '../charts/metrics';
import { type Filter, readFilters, writeFilter, wrongFilters } from '../filters/filters';

/** Those that are always one press away, and the others. */
export const MAIN_PERIODS = ['day', 'week', 'month', 'custom'] as const;
export const MORE_PERIODS = [
  'today',
  'yesterday',
  'month_to_date',
  'last_month',
  '28d',
  '90d',
  'year_to_date',
  '12mo',
  'all',
] as const;
export const PERIODS = [...MAIN_PERIODS, ...MORE_PERIODS] as const;
export type PeriodName = (typeof PERIODS)[number];

/** The other period: one of these, or the one from a day on (`YYYY-MM-DD`). */
export const COMPARISONS = ['before', 'weekdays', 'year'] as const;
export type Comparison = (typeof COMPARISONS)[number];

export interface View {
  readonly period: PeriodName;
  /**
   * Only with `custom`: calendar dates `YYYY-MM-DD` in the zone, both included; or moments of UTC
   * on quarters of an hour, of which the second is not included.
   */
  readonly from: string | null;
  readonly to: string | null;
  /** IANA zone; null means the zone of the reports, chosen by the server. */
  readonly tz: string | null;
  readonly compare: boolean;
  /** A comparison, or the first day of the other period. */
  readonly compareWith: Comparison | string;
  /** The width of a point; null: by the period. */
  readonly bucket: BucketWidth | null;
  /** What the chart shows; null: messages and people. */
  readonly metric: ChartMetric | null;
  /** US dollars that the running month may cost. */
  readonly budget: number | null;
  /** The order of each table that has one: column, with a minus from the greatest down. */
  readonly sort: Readonly<Record<string, string>>;
  /** All of them hold for the turns that are counted. */
  readonly filters: readonly Filter[];
}

export const DEFAULT_VIEW: View = {
  period: 'week',
  from: null,
  to: null,
  tz: null,
  compare: true,
  compareWith: 'before',
  bucket: null,
  metric: null,
  budget: null,
  sort: {},
  filters: [],
};

const DATE = /^\d{4}-\d{2}-\d{2}$/;
export const MAX_DAYS = 3 * 366;

export function isDate(text: string | null): text is string {
  if (text === null || !DATE.test(text)) return false;
  const moment = Date.parse(`${text}T00:00:00Z`);
  // Of 31 February some engines make 3 March.
  return !Number.isNaN(moment) && new Date(moment).toISOString().startsWith(text);
}

/** A quarter of an hour of UTC: `2026-11-30T14:15Z`. */
export function isMoment(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}T\d{2}:(00|15|30|45)Z$/.test(text) && !Number.isNaN(Date.parse(text));
}

function isZone(text: string | null): text is string {
  // An offset is no zone to the API.
  if (text === null || !/^[a-z]/i.test(text)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

/** The view that a URL asks for; what it does not say or says wrongly falls back to the default. */
export function readView(search: URLSearchParams): View {
  const named = PERIODS.find((name) => name === search.get('period')) ?? DEFAULT_VIEW.period;
  const from = search.get('from');
  const to = search.get('to');
  const tz = search.get('tz');
  const compare = search.get('compare') !== '0';
  const [other, bucket, metric] = [search.get('with'), search.get('bucket'), search.get('metric')];
  const rest = {
    tz: isZone(tz) ? tz : null,
    compare,
    compareWith: other !== null && isOther(other) ? other : DEFAULT_VIEW.compareWith,
    bucket: isBucket(bucket) ? bucket : null,
    metric: isChartMetric(metric) ? metric : null,
    budget: readBudget(search.get('budget')),
    sort: readSort(search.get('sort')),
    filters: readFilters(search),
  };
  if (named !== 'custom') return { period: named, from: null, to: null, ...rest };
  if (from === null || to === null || problemOf(from, to) !== null) {
    return { period: DEFAULT_VIEW.period, from: null, to: null, ...rest };
  }
  return { period: 'custom', from, to, ...rest };
}

/** The shortest search string that `readView` reads back as the same view. */
export function writeView(view: View): URLSearchParams {
  const search = new URLSearchParams();
  if (view.period !== DEFAULT_VIEW.period) search.set('period', view.period);
  if (view.period === 'custom' && view.from && view.to) {
    search.set('from', view.from);
    search.set('to', view.to);
  }
  if (view.tz) search.set('tz', view.tz);
  if (!view.compare) search.set('compare', '0');
  if (view.compareWith !== DEFAULT_VIEW.compareWith) search.set('with', view.compareWith);
  if (view.bucket) search.set('bucket', view.bucket);
  if (view.metric) search.set('metric', view.metric);
  if (view.budget !== null) search.set('budget', String(view.budget));
  const sort = Object.entries(view.sort).map(([table, order]) => `${table}:${order}`);
  if (sort.length > 0) search.set('sort', sort.join(','));
  for (const filter of view.filters) search.append('f', writeFilter(filter));
  return search;
}

function isOther(text: string): boolean {
  return COMPARISONS.some((one) => one === text) || isDate(text);
}

function readBudget(text: string | null): number | null {
  return text !== null && /^\d{1,9}(\.\d{1,2})?$/.test(text) && Number(text) > 0
    ? Number(text)
    : null;
}

function readSort(text: string | null): Readonly<Record<string, string>> {
  const parts = (text ?? '').split(',').map((part) => /^([a-z]+):(-?[a-z0-9_]+)$/.exec(part));
  return Object.fromEntries(parts.flatMap((part) => (part ? [[part[1], part[2]]] : [])));
}

type TextPart = 'period' | 'zone' | 'order' | 'filter' | 'with' | 'bucket' | 'metric' | 'budget';

/** What an address asks for and does not get. */
export type LinkProblem =
  | { readonly part: TextPart; readonly value: string }
  | { readonly part: 'range'; readonly problem: RangeProblem };

/** Why `readView` shows something else than the address says; empty when it does not. */
export function linkProblems(search: URLSearchParams): readonly LinkProblem[] {
  const [period, tz, sort] = [search.get('period'), search.get('tz'), search.get('sort')];
  const found: LinkProblem[] = [];
  if (period !== null && !PERIODS.some((name) => name === period)) {
    found.push({ part: 'period', value: period });
  }
  if (period === 'custom') {
    const problem = problemOf(search.get('from') ?? '', search.get('to') ?? '');
    if (problem) found.push({ part: 'range', problem });
  }
  if (tz !== null && !isZone(tz)) found.push({ part: 'zone', value: tz });
  if (sort !== null && Object.keys(readSort(sort)).length !== sort.split(',').length) {
    found.push({ part: 'order', value: sort });
  }
  const wrong = (part: TextPart, isKnown: (text: string) => boolean) => {
    const value = search.get(part);
    if (value !== null && !isKnown(value)) found.push({ part, value });
  };
  wrong('with', isOther);
  wrong('bucket', isBucket);
  wrong('metric', isChartMetric);
  wrong('budget', (text) => readBudget(text) !== null);
  found.push(...wrongFilters(search).map((value) => ({ part: 'filter' as const, value })));
  return found;
}

export type RangeProblem = 'incomplete' | 'reversed' | 'tooLong';

/** Why a custom range cannot be asked for, or null when it can. */
export function problemOf(from: string, to: string): RangeProblem | null {
  if (isMoment(from) && isMoment(to)) {
    if (from >= to) return 'reversed';
    return daysBetween(from, to) > MAX_DAYS ? 'tooLong' : null;
  }
  if (!isDate(from) || !isDate(to)) return 'incomplete';
  if (from > to) return 'reversed';
  return daysBetween(from, to) > MAX_DAYS ? 'tooLong' : null;
}

/** Number of calendar days in `[from, to]`. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000) + 1;
}

export function addDays(date: string, days: number): string {
  return new Date(Date.parse(date) + days * 86_400_000).toISOString().slice(0, 10);
}

/** Today's calendar date in a zone. */
export function today(tz: string | null, now: Date = new Date()): string {
  // The Swedish form of a date is the ISO one.
  return new Intl.DateTimeFormat('sv-SE', tz ? { timeZone: tz } : {}).format(now);
}

/** How many days the period has at most. */
export function mostDays(view: View): number {
  if (view.period === 'custom' && view.from && view.to) {
    return daysBetween(view.from.slice(0, 10), view.to.slice(0, 10));
  }
  const days: Partial<Record<PeriodName, number>> = {
    day: 1,
    today: 1,
    yesterday: 1,
    '28d': 28,
    month: 30,
    month_to_date: 31,
    last_month: 31,
    '90d': 90,
    year_to_date: 366,
    '12mo': 366,
    all: MAX_DAYS,
  };
  return days[view.period] ?? 7;
}
