/** Models side by side, and the causes of what went wrong. */

import { useTranslation } from 'react-i18next';
import type { CauseRow, ModelRow } from '../api/types';
import { useOrder } from '../period/useOrder';
import { Clipped } from '../ui/Clipped';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import { Empty } from '../ui/states';
import { useCodeNames } from './codes';
import { worstModel } from './Headline';
import { type CauseLine, sumOfCauses, sumOfModels } from './sums';

const TOP = 10;
const MODEL_COLUMNS = [
  'model',
  'turns',
  'error_rate',
  'cost_usd',
  'share',
  'fallback_rate',
  'cost_per_answer_usd',
  'latency_p95_ms',
  'ttft_p95_ms',
];
const CAUSE_COLUMNS = ['cause', 'kind', 'model', 'turns', 'rate'];

export function ModelTable({ models }: { readonly models: readonly ModelRow[] }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const [order, onOrder] = useOrder('models', MODEL_COLUMNS);
  if (models.length === 0) return <Empty text={t('models.empty')} />;
  const worst = worstModel(models);
  const columns: Column<ModelRow>[] = [
    {
      key: 'model',
      title: t('column.model'),
      value: (row) => row.model,
      show: (row) => <Clipped text={row.model || t('models.none')} />,
      isHeader: true,
    },
    {
      key: 'turns',
      title: t('column.turns'),
      value: (row) => row.turns,
      show: (row) => formats.count(row.turns),
      isNumeric: true,
    },
    {
      key: 'error_rate',
      title: t('column.errorRate'),
      value: (row) => row.error_rate,
      show: (row) => (
        <span className={row === worst ? 'worst' : undefined}>
          {formats.percent(row.error_rate)}{' '}
          <span className="note">({formats.count(row.failed)})</span>
        </span>
      ),
      isNumeric: true,
    },
    {
      key: 'cost_usd',
      title: t('column.cost'),
      value: (row) => row.cost_usd,
      show: (row) => formats.money(row.cost_usd),
      isNumeric: true,
    },
    {
      key: 'share',
      title: t('column.share'),
      value: (row) => row.share,
      show: (row) => (
        <span className="share">
          <i style={{ width: `${row.share * 100}%` }} aria-hidden="true" />
          {formats.percent(row.share)}
        </span>
      ),
      isNumeric: true,
      isMinor: true,
    },
    {
      key: 'fallback_rate',
      title: t('column.fallbackRate'),
      value: (row) => row.fallback_rate,
      show: (row) => (
        <>
          {formats.percent(row.fallback_rate)}{' '}
          <span className="note">({formats.count(row.handed_over)})</span>
        </>
      ),
      isNumeric: true,
    },
    {
      key: 'cost_per_answer_usd',
      title: t('column.costPerAnswer'),
      value: (row) => row.cost_per_answer_usd,
      show: (row) => formats.money(row.cost_per_answer_usd),
      isNumeric: true,
    },
    {
      key: 'latency_p95_ms',
      title: t('column.latency'),
      value: (row) => row.latency_p95_ms,
      show: (row) =>
        `${formats.milliseconds(row.latency_p50_ms)} / ${formats.milliseconds(row.latency_p95_ms)}`,
      isNumeric: true,
    },
    {
      key: 'ttft_p95_ms',
      title: t('column.ttft'),
      value: (row) => row.ttft_p95_ms,
      show: (row) =>
        `${formats.milliseconds(row.ttft_p50_ms)} / ${formats.milliseconds(row.ttft_p95_ms)}`,
      isNumeric: true,
    },
  ];
  return (
    <DataTable
      caption={t('models.title')}
      columns={columns}
      rows={models}
      keyOf={(row) => row.model}
      sorting={{ order, onOrder }}
      cut={{ at: TOP, title: (count) => t('models.rest', { count }), sum: sumOfModels }}
    />
  );
}

const KINDS = ['fallback', 'outcome'] as const;

export function CauseTable({ causes }: { readonly causes: readonly CauseRow[] }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const names = useCodeNames();
  const [order, onOrder] = useOrder('causes', CAUSE_COLUMNS);
  if (causes.length === 0) return <Empty text={t('models.noCauses')} />;
  const kindOf = (row: CauseLine) => {
    const known = KINDS.find((kind) => kind === row.kind);
    return known ? t(`cause.${known}`) : row.kind || NONE;
  };
  // The sum of many has no model, and no rate.
  const modelOf = (row: CauseLine) => row.model || (row.rate === null ? NONE : t('models.none'));
  const columns: Column<CauseLine>[] = [
    {
      key: 'cause',
      title: t('column.cause'),
      value: (row) => names.cause(row.cause),
      isHeader: true,
    },
    { key: 'kind', title: t('column.kind'), value: kindOf },
    {
      key: 'model',
      title: t('column.model'),
      value: (row) => row.model,
      show: (row) => <Clipped text={modelOf(row)} />,
    },
    {
      key: 'turns',
      title: t('column.turns'),
      value: (row) => row.turns,
      show: (row) => formats.count(row.turns),
      isNumeric: true,
    },
    {
      key: 'rate',
      title: t('column.rate'),
      value: (row) => row.rate,
      show: (row) => formats.percent(row.rate),
      isNumeric: true,
    },
  ];
  return (
    <DataTable
      caption={t('models.causes')}
      columns={columns}
      rows={causes}
      keyOf={(row) => `${row.kind}:${row.cause}:${row.model}`}
      sorting={{ order, onOrder }}
      cut={{ at: TOP, title: (count) => t('models.restOfCauses', { count }), sum: sumOfCauses }}
    />
  );
}
