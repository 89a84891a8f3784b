/** What the page of alerts asks, and what an alert means in words. */

import { useTranslation } from 'react-i18next';
import type { components } from '../api/schema';
import type { Filter } from '../filters/filters';
import { readFilter, writeFilter } from '../filters/filters';
import { useFilterNames } from '../filters/useFilterNames';
import { type Formats, NONE, useFormats } from '../ui/format';

type Schemas = components['schemas'];
export type AlertView = Schemas['AlertView'];
export type AlertEvent = Schemas['AlertEventView'];
export type AlertTerms = Schemas['AlertTerms'];
export type AlertBody = Schemas['AlertBody'];
type Test = AlertTerms['test'];

/** The metrics that people want to be told about; the API takes every one of `/query`. */
export const METRICS = [
  'cost_usd',
  'user_messages',
  'active_users',
  'new_users',
  'answers',
  'failed',
  'error_rate',
  'fallback_rate',
  'rejected',
  'tokens',
  'latency_p95_ms',
  'ttft_p95_ms',
  'unpriced_turns',
] as const;
export type AlertMetric = (typeof METRICS)[number];
export const TESTS = ['times_usual', 'unusual', 'above', 'below'] as const satisfies Test[];
export const WIDTHS = ['hour', 'day', 'week'] as const;
export const NO_DATA = ['ignore', 'zero', 'fire'] as const;

export function hasThreshold(test: Test): boolean {
  return test !== 'unusual';
}

/** The number that a person typed, as the API takes it: a part of one for a percentage. */
export function thresholdOf(typed: string, metric: string, test: Test): number | null {
  if (!hasThreshold(test) || !/^\s*\d+([.,]\d+)?\s*$/.test(typed)) return null;
  const value = Number(typed.replace(',', '.'));
  if (test === 'times_usual') return value;
  return value / scaleOf(metric);
}

/** What a person would have typed for the threshold of an alert. */
export function typedOf({ metric, test, threshold }: AlertView): string {
  if (threshold === null) return '';
  const value = test === 'times_usual' ? threshold : threshold * scaleOf(metric);
  return String(Number(value.toPrecision(12)));
}

/** How many of what a person types are one of the API: percent, seconds as milliseconds. */
function scaleOf(metric: string): number {
  if (metric.endsWith('_rate')) return 100;
  return metric.endsWith('_ms') ? 1 / 1000 : 1;
}

export function unitOf(
  metric: string,
  test: Test,
): 'times' | 'percent' | 'seconds' | 'dollars' | 'count' {
  if (test === 'times_usual') return 'times';
  if (metric.endsWith('_rate')) return 'percent';
  if (metric.endsWith('_ms')) return 'seconds';
  return metric.endsWith('_usd') ? 'dollars' : 'count';
}

export function metricValue(metric: string, value: number | null, formats: Formats): string {
  if (value === null) return NONE;
  if (metric.endsWith('_usd')) return formats.money(value);
  if (metric.endsWith('_rate')) return formats.percent(value);
  if (metric.endsWith('_ms')) return formats.milliseconds(value);
  return Number.isInteger(value) ? formats.count(value) : formats.decimal(value);
}

/** As `/query` takes them. */
export function asked(filters: readonly Filter[]): unknown[] {
  return filters.map(({ operator, dimension, values }) => [
    operator,
    dimension,
    dimension === 'bot' || dimension === 'person' ? values.map(Number) : values,
  ]);
}

/** The filters of an alert as the bar takes them; null: one of them was made by the API alone. */
export function barFilters(given: readonly unknown[]): readonly Filter[] | null {
  const read = given.map((filter) => {
    const [operator, dimension, values] = filter as [Filter['operator'], Filter['dimension'], []];
    return Array.isArray(values)
      ? readFilter(writeFilter({ operator, dimension, values: values.map(String) }))
      : null;
  });
  const known = read.filter((filter) => filter !== null);
  return known.length === read.length ? known : null;
}

export function useAlertWords() {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const names = useFilterNames();
  const metric = (name: string) =>
    t(`alerts.metric.${name}` as 'alerts.metric.cost_usd', {
      defaultValue: name.replaceAll('_', ' '),
    });
  const filter = (given: unknown): string => {
    const [operator, dimension, values] = given as [Filter['operator'], Filter['dimension'], []];
    const known = readFilter(writeFilter({ operator, dimension, values: values.map(String) }));
    return known ? names.filter(known) : JSON.stringify(given);
  };
  return {
    metric,
    /** Like `Cost in an hour above $5.00, Model is small`. */
    terms: (alert: Pick<AlertView, 'metric' | 'test' | 'threshold' | 'width' | 'filters'>) => {
      const threshold =
        alert.test === 'times_usual'
          ? formats.decimal(alert.threshold)
          : metricValue(alert.metric, alert.threshold, formats);
      const judged = t(`alerts.terms.${alert.test}`, {
        metric: metric(alert.metric),
        width: t(`alerts.in.${alert.width as 'hour'}`),
        threshold,
      });
      return [judged, ...alert.filters.map(filter)].join(', ');
    },
    value: (event: Pick<AlertEvent, 'metric'>, value: number | null) =>
      metricValue(event.metric, value, formats),
    /** What would not have fired. */
    expected: ({ metric: name, low, high }: Pick<AlertEvent, 'metric' | 'low' | 'high'>) => {
      const [least, most] = [metricValue(name, low, formats), metricValue(name, high, formats)];
      if (low !== null && high !== null) return t('alerts.between', { low: least, high: most });
      if (low !== null) return t('alerts.atLeast', { low: least });
      return high === null ? NONE : t('alerts.atMost', { high: most });
    },
  };
}
