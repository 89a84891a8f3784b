/** From the first turn to the thirtieth day, by the link people came from. */

import { useTranslation } from 'react-i18next';
import type { Funnel, FunnelRow, FunnelStep } from '../api/types';
import { Pick } from '../filters/Pick';
import { useOrder } from '../period/useOrder';
import { Clipped } from '../ui/Clipped';
import { type Column, DataTable } from '../ui/DataTable';
import { useFormats } from '../ui/format';
import { Empty } from '../ui/states';

const STEPS = [
  ['activated', 'activated'],
  ['day_1', 'day1'],
  ['day_7', 'day7'],
  ['day_30', 'day30'],
] as const;

const COLUMNS = ['source', 'started', ...STEPS.map(([field]) => field), 'cost_per_activated_usd'];

interface Props {
  readonly funnel: Funnel;
  readonly caption: string;
}

export function FunnelTable({ funnel, caption }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(funnel.tz);
  const [order, onOrder] = useOrder('sources', COLUMNS);
  if (funnel.total.started === 0) return <Empty text={t('retention.empty')} />;
  const nameOf = (row: FunnelRow) => {
    if (row === funnel.total) return t('users.total');
    return row === funnel.others ? t('users.others') : (row.source ?? t('users.direct'));
  };
  const columns: Column<FunnelRow>[] = [
    {
      key: 'source',
      title: t('column.source'),
      value: nameOf,
      show: (row) =>
        row === funnel.total || row === funnel.others ? (
          <Clipped text={nameOf(row)} />
        ) : (
          <Pick dimension="source" value={row.source ?? ''}>
            {nameOf(row)}
          </Pick>
        ),
      isHeader: true,
    },
    {
      key: 'started',
      title: t('column.started'),
      value: (row) => row.started,
      show: (row) => formats.count(row.started),
      isNumeric: true,
    },
    ...STEPS.map(([field, title]) => ({
      key: field,
      title: t(`column.${title}`),
      value: (row: FunnelRow) => row[field].rate,
      show: (row: FunnelRow) => <Step step={row[field]} />,
      isNumeric: true,
    })),
    {
      key: 'cost_per_activated_usd',
      title: t('column.perActivated'),
      value: (row) => row.cost_per_activated_usd,
      isMoney: true,
    },
  ];
  return (
    <DataTable
      caption={caption}
      columns={columns}
      rows={sourcesOf(funnel)}
      keyOf={(row) => (row === funnel.others ? '*' : `source:${row.source}`)}
      total={funnel.total}
      sorting={{ order, onOrder }}
    />
  );
}

/** The listed sources and, as one, all others. */
export function sourcesOf(funnel: Funnel): readonly FunnelRow[] {
  return funnel.others ? [...funnel.sources, funnel.others] : funnel.sources;
}

/** A step's share, and of how many: those whose day is over. */
function Step({ step }: { readonly step: FunnelStep }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const of = { users: formats.count(step.users), eligible: formats.count(step.eligible) };
  return (
    <>
      {formats.rate(step.rate)}{' '}
      {step.rate !== null && <span className="note">{t('users.step', of)}</span>}
    </>
  );
}
