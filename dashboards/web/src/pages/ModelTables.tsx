/** Models side by side, and the causes of what went wrong. */

import { useTranslation } from 'react-i18next';
import type { CauseRow, ModelRow } from '../api/types';
import { type Column, DataTable } from '../ui/DataTable';
import { useFormats } from '../ui/format';
import { Empty } from '../ui/states';
import { worstModel } from './Headline';

export function ModelTable({ models }: { readonly models: readonly ModelRow[] }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  if (models.length === 0) return <Empty text={t('models.empty')} />;
  const worst = worstModel(models);
  const columns: Column<ModelRow>[] = [
    {
      key: 'model',
      title: t('column.model'),
      value: (row) => row.model,
      show: (row) => row.model || t('models.none'),
      isHeader: true,
    },
    {
      key: 'turns',
      title: t('column.turns'),
      value: (row) => row.turns,
      show: (row) => formats.count(row.turns),
      numeric: true,
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
      numeric: true,
    },
    {
      key: 'cost_usd',
      title: t('column.cost'),
      value: (row) => row.cost_usd,
      show: (row) => formats.money(row.cost_usd),
      numeric: true,
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
      numeric: true,
      minor: true,
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
      numeric: true,
    },
    {
      key: 'cost_per_answer_usd',
      title: t('column.costPerAnswer'),
      value: (row) => row.cost_per_answer_usd,
      show: (row) => formats.money(row.cost_per_answer_usd),
      numeric: true,
    },
    {
      key: 'latency_p95_ms',
      title: t('column.latency'),
      value: (row) => row.latency_p95_ms,
      show: (row) =>
        `${formats.milliseconds(row.latency_p50_ms)} / ${formats.milliseconds(row.latency_p95_ms)}`,
      numeric: true,
    },
    {
      key: 'ttft_p95_ms',
      title: t('column.ttft'),
      value: (row) => row.ttft_p95_ms,
      show: (row) =>
        `${formats.milliseconds(row.ttft_p50_ms)} / ${formats.milliseconds(row.ttft_p95_ms)}`,
      numeric: true,
    },
  ];
  return (
    <DataTable
      caption={t('models.title')}
      columns={columns}
      rows={models}
      keyOf={(row) => row.model}
    />
  );
}

const KINDS = ['fallback', 'outcome'] as const;

export function CauseTable({ causes }: { readonly causes: readonly CauseRow[] }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  if (causes.length === 0) return <Empty text={t('models.noCauses')} />;
  const kindOf = (row: CauseRow) => {
    const known = KINDS.find((kind) => kind === row.kind);
    return known ? t(`cause.${known}`) : row.kind;
  };
  const columns: Column<CauseRow>[] = [
    { key: 'cause', title: t('column.cause'), value: (row) => row.cause, isHeader: true },
    { key: 'kind', title: t('column.kind'), value: kindOf },
    {
      key: 'model',
      title: t('column.model'),
      value: (row) => row.model,
      show: (row) => row.model || t('models.none'),
    },
    {
      key: 'turns',
      title: t('column.turns'),
      value: (row) => row.turns,
      show: (row) => formats.count(row.turns),
      numeric: true,
    },
    {
      key: 'rate',
      title: t('column.rate'),
      value: (row) => row.rate,
      show: (row) => formats.percent(row.rate),
      numeric: true,
    },
  ];
  return (
    <DataTable
      caption={t('models.causes')}
      columns={columns}
      rows={causes}
      keyOf={(row) => `${row.kind}:${row.cause}:${row.model}`}
    />
  );
}
