/** Models side by side, and the causes of what went wrong. */

import type { ComponentProps } from 'react';
import { useTranslation } from 'react-i18next';
import type { CauseRow, ModelRow } from '../api/types';
import { type Filter, is } from '../filters/filters';
import { Pick, TurnsLink } from '../filters/Pick';
import { useOrder } from '../period/useOrder';
import { Clipped } from '../ui/Clipped';
import { type Column, DataTable } from '../ui/DataTable';
import { type Decimal, type Formats, NONE, useFormats } from '../ui/format';
import { Empty } from '../ui/states';
import { useCodeNames } from './codes';
import { type CauseLine, sumOfCauses, sumOfModels } from './sums';
import { useWorstModel } from './worstModel';

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
  'tokens_per_second',
];
const CAUSE_COLUMNS = ['cause', 'kind', 'model', 'turns', 'rate'];

interface ModelProps {
  readonly models: readonly ModelRow[];
  /** What the rows count beside the filters of the page. */
  readonly of?: readonly Filter[];
}

export function ModelTable({ models, of: about = [] }: ModelProps) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const [order, onOrder] = useOrder('models', MODEL_COLUMNS);
  const worst = useWorstModel(models);
  if (models.length === 0) return <Empty text={t('models.empty')} />;
  // The sum of many models has no list of its own.
  const Count = ({ of, ...link }: CountProps) =>
    models.includes(of) ? (
      <TurnsLink {...link} filters={[...about, ...link.filters]} />
    ) : (
      link.children
    );
  const isByCost = order?.key === 'cost_usd';
  const shareOfTurns: Column<ModelRow> = {
    key: 'share',
    title: t('column.shareOfTurns'),
    value: (row) => row.share,
    show: (row) => <Share value={row.share} />,
    isNumeric: true,
    isMinor: true,
  };
  const sum = sumOfModels(models);
  const all = sum.cost_usd;
  const losing = models.filter((row) => row.fallback_wait_ms > 0);
  const waitOf = formats.durationColumn(losing.map((row) => row.fallback_wait_ms));
  const lostOf = formats.moneyColumn(losing.map((row) => row.fallback_cost_usd));
  const losses = [...losing, sum].map((row) => lostOf(row.fallback_cost_usd));
  const shareOfCost: Column<ModelRow> = {
    key: 'share_of_cost',
    title: t('column.shareOfCost'),
    value: (row) => shareOf(row.cost_usd, all),
    show: (row) => <Share value={shareOf(row.cost_usd, all)} />,
    isNumeric: true,
    isMinor: true,
    // As the costs themselves.
    sorts: false,
  };
  const columns: Column<ModelRow>[] = [
    {
      key: 'model',
      title: t('column.model'),
      value: (row) => row.model,
      show: (row) => (
        <Pick dimension="model" value={row.model}>
          {row.model || t('models.none')}
        </Pick>
      ),
      isHeader: true,
    },
    {
      key: 'turns',
      title: t('column.turns'),
      value: (row) => row.turns,
      show: (row) => (
        <Count of={row} count={row.turns} filters={[is('model', row.model)]}>
          {formats.count(row.turns)}
        </Count>
      ),
      isNumeric: true,
    },
    ...(isByCost ? [] : [shareOfTurns]),
    {
      key: 'error_rate',
      title: t('column.errorRate'),
      value: (row) => row.error_rate,
      show: (row) => (
        <span className={row === worst ? 'worst' : undefined}>
          {formats.rate(row.error_rate)}{' '}
          <Count
            of={row}
            count={row.failed}
            filters={[is('model', row.model), is('status', 'failed')]}
          >
            <span className="note">({formats.count(row.failed)})</span>
          </Count>
        </span>
      ),
      isNumeric: true,
    },
    {
      key: 'cost_usd',
      title: t('column.cost'),
      value: (row) => row.cost_usd,
      isMoney: true,
    },
    ...(isByCost ? [shareOfCost] : []),
    {
      key: 'fallback_rate',
      title: t('column.fallbackRate'),
      value: (row) => row.fallback_rate,
      show: (row) => (
        <>
          {formats.rate(row.fallback_rate)}{' '}
          <Count
            of={row}
            count={row.handed_over}
            filters={[is('model_asked', row.model), HANDED_OVER]}
          >
            <span className="note">({formats.count(row.handed_over)})</span>
          </Count>
          {row.fallback_wait_ms > 0 && (
            <span className="note lost" title={t('column.lost')}>
              {waitOf(row.fallback_wait_ms)} ·{' '}
              <Aligned text={lostOf(row.fallback_cost_usd)} among={losses} />
            </span>
          )}
        </>
      ),
      isNumeric: true,
    },
    {
      key: 'cost_per_answer_usd',
      title: t('column.costPerAnswer'),
      value: (row) => row.cost_per_answer_usd,
      isMoney: true,
    },
    {
      key: 'latency_p95_ms',
      title: t('column.latency'),
      value: (row) => row.latency_p95_ms,
      show: pairs(models, 'latency_p50_ms', 'latency_p95_ms', formats),
      isNumeric: true,
    },
    {
      key: 'ttft_p95_ms',
      title: t('column.ttft'),
      value: (row) => row.ttft_p95_ms,
      show: pairs(models, 'ttft_p50_ms', 'ttft_p95_ms', formats),
      isNumeric: true,
    },
    {
      key: 'tokens_per_second',
      title: t('column.speed'),
      value: (row) => row.tokens_per_second,
      show: (row) => formats.decimal(row.tokens_per_second),
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

type Length = 'latency_p50_ms' | 'latency_p95_ms' | 'ttft_p50_ms' | 'ttft_p95_ms';

/** Two durations of each row, in one unit; the second as wide as the widest, so both line up. */
function pairs(models: readonly ModelRow[], first: Length, second: Length, formats: Formats) {
  const show = formats.durationColumn(models.flatMap((row) => [row[first], row[second]]));
  const among = models.map((row) => show(row[second]));
  return (row: ModelRow) =>
    row[first] === null && row[second] === null ? (
      NONE
    ) : (
      <>
        {show(row[first])} / <Aligned text={show(row[second])} among={among} />
      </>
    );
}

/** A figure that ends its line, right-aligned in the room of the longest of its column. */
function Aligned({ text, among }: { readonly text: string; readonly among: readonly string[] }) {
  const width = Math.max(0, ...among.map((one) => one.length));
  return (
    <span className="aligned" style={{ minWidth: `${width}ch` }}>
      {text}
    </span>
  );
}

function Share({ value }: { readonly value: number | null }) {
  const formats = useFormats(null);
  return (
    <span className="share">
      <i style={{ width: `${(value ?? 0) * 100}%` }} aria-hidden="true" />
      {formats.rate(value)}
    </span>
  );
}

/** Of the known costs; null where a cost is unknown, or nothing was spent. */
function shareOf(cost: Decimal | null, all: Decimal | null): number | null {
  return cost === null || all === null || Number(all) === 0 ? null : Number(cost) / Number(all);
}

const HANDED_OVER: Filter = { operator: 'is_not', dimension: 'fallback_cause', values: [''] };

type CountProps = ComponentProps<typeof TurnsLink> & { readonly of: ModelRow };

const KINDS = ['fallback', 'outcome'] as const;

interface CauseProps {
  readonly causes: readonly CauseRow[];
  readonly of?: readonly Filter[];
}

export function CauseTable({ causes, of: about = [] }: CauseProps) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const names = useCodeNames();
  const [order, onOrder] = useOrder('causes', CAUSE_COLUMNS);
  if (causes.length === 0) return <Empty text={t('models.noCauses')} isGood />;
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
      show: (row) => (
        <Pick dimension={dimensionOf(row)} value={row.cause}>
          {names.cause(row.cause)}
        </Pick>
      ),
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
      show: (row) =>
        row.rate === null ? (
          formats.count(row.turns)
        ) : (
          <TurnsLink count={row.turns} filters={[...about, ...filtersOf(row)]}>
            {formats.count(row.turns)}
          </TurnsLink>
        ),
      isNumeric: true,
    },
    {
      key: 'rate',
      title: t('column.rate'),
      value: (row) => row.rate,
      show: (row) => formats.rate(row.rate),
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

function dimensionOf(row: CauseLine): 'cause' | 'fallback_cause' {
  return row.kind === 'fallback' ? 'fallback_cause' : 'cause';
}

/** The turns of a row of causes: a fallback is told of the model that was asked. */
function filtersOf(row: CauseLine): readonly Filter[] {
  const model = row.kind === 'fallback' ? 'model_asked' : 'model';
  return [is(dimensionOf(row), row.cause), is(model, row.model)];
}
