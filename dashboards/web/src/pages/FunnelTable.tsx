/** From the first turn to the thirtieth day, by the link people came from. */

import { useTranslation } from 'react-i18next';
import type { Funnel, FunnelRow, FunnelStep } from '../api/types';
import { type Column, DataTable } from '../ui/DataTable';
import { useFormats } from '../ui/format';
import { Empty } from '../ui/states';

const STEPS = [
  ['activated', 'activated'],
  ['day_1', 'day1'],
  ['day_7', 'day7'],
  ['day_30', 'day30'],
] as const;

export function FunnelTable({ funnel }: { readonly funnel: Funnel }) {
  const { t } = useTranslation();
  const formats = useFormats(funnel.tz);
  if (funnel.total.started === 0) return <Empty text={t('retention.empty')} />;
  const nameOf = (row: FunnelRow) =>
    row === funnel.total ? t('users.total') : (row.source ?? t('users.direct'));
  const columns: Column<FunnelRow>[] = [
    { key: 'source', title: t('column.source'), value: nameOf, isHeader: true },
    {
      key: 'started',
      title: t('column.started'),
      value: (row) => row.started,
      show: (row) => formats.count(row.started),
      numeric: true,
    },
    ...STEPS.map(([field, title]) => ({
      key: field,
      title: t(`column.${title}`),
      value: (row: FunnelRow) => row[field].rate,
      show: (row: FunnelRow) => <Step step={row[field]} />,
      numeric: true,
    })),
    {
      key: 'cost_per_activated_usd',
      title: t('column.perActivated'),
      value: (row) => row.cost_per_activated_usd,
      show: (row) => formats.money(row.cost_per_activated_usd),
      numeric: true,
    },
  ];
  return (
    <DataTable
      caption={t('users.funnel')}
      columns={columns}
      rows={[funnel.total, ...funnel.sources]}
      keyOf={(row) => (row === funnel.total ? '*' : `source:${row.source}`)}
    />
  );
}

function Step({ step }: { readonly step: FunnelStep }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const users = formats.count(step.users);
  return (
    <span title={t('users.step', { users, eligible: formats.count(step.eligible) })}>
      {formats.percent(step.rate)} <span className="note">{step.rate === null ? '' : users}</span>
    </span>
  );
}
