/** Chooses what the chart over time shows. Kept in the address. */

import { useTranslation } from 'react-i18next';
import { CHART_METRICS, type ChartMetric, isChartMetric } from '../charts/metrics';
import type { Metric } from '../i18n';
import { useView } from '../period/useView';

export function MetricSelect() {
  const { t } = useTranslation();
  const [view, change] = useView();
  return (
    <select
      aria-label={t('chart.metric')}
      value={view.metric ?? ''}
      onChange={({ target }) =>
        change({ metric: isChartMetric(target.value) ? target.value : null })
      }
    >
      <option value="">{t('chart.both')}</option>
      {CHART_METRICS.map((metric) => (
        <option key={metric} value={metric}>
          {t(`metric.${metric}`)}
        </option>
      ))}
    </select>
  );
}

/** The definitions that explain a metric of the chart. */
export function definedBy(metric: ChartMetric): readonly Metric[] {
  return metric === 'error_rate' ? ['error_rate', 'failed', 'served_turns'] : [metric];
}
