/** How far the numbers can be trusted: age, checks, PostgreSQL against ClickHouse. */

import { useTranslation } from 'react-i18next';
import type { CheckResult, Freshness, Quality, ReconciledDay } from '../api/types';
import { useReport } from '../api/useReport';
import { useOrder } from '../period/useOrder';
import { Card } from '../ui/Card';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import { Icon } from '../ui/Icon';
import { Loaded } from '../ui/Loaded';
import { useFile } from './files';
import { PageFrame } from './PageFrame';

export default function QualityPage() {
  const { t } = useTranslation();
  const file = useFile();
  const quality = useReport('/api/v1/stats/quality', { period: 'month' });
  const freshness = useReport('/api/v1/stats/freshness', {});
  const tz = quality.data?.report_timezone ?? null;
  return (
    <PageFrame title={t('nav.quality')} main={quality} picks="nothing">
      <Loaded query={quality} height={56}>
        {(answer) => <Verdict quality={answer.quality} />}
      </Loaded>
      <Card title={t('quality.freshness')}>
        <Loaded query={freshness} height={140}>
          {(answer) => <FreshnessFacts freshness={answer.freshness} tz={tz} />}
        </Loaded>
      </Card>
      <Card
        title={t('quality.checks')}
        csv={quality.data ? file('checks', quality.data, quality.data.quality.checks) : null}
      >
        <Loaded query={quality} height={280}>
          {(answer) => <CheckTable checks={answer.quality.checks} tz={tz} />}
        </Loaded>
      </Card>
      <Card
        title={t('quality.days')}
        csv={quality.data ? file('reconciliation', quality.data, quality.data.quality.days) : null}
      >
        <Loaded query={quality} height={280}>
          {(answer) => <DayTable days={answer.quality.days} tz={tz} />}
        </Loaded>
      </Card>
    </PageFrame>
  );
}

function Verdict({ quality }: { readonly quality: Quality }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const failed = quality.checks.filter((check) => !check.passed).length;
  const differ = quality.days.filter((day) => !day.is_equal).length;
  const problems = [
    failed > 0 && t('quality.checksFailed', { count: failed }),
    differ > 0 && t('quality.daysDiffer', { count: differ }),
    quality.days_withheld.length > 0 &&
      t('quality.withheld', { days: quality.days_withheld.map(formats.day).join(', ') }),
  ].filter(Boolean);
  const gaps = [
    quality.checks.length === 0 && t('quality.noChecks'),
    quality.days.length === 0 && t('quality.noDays'),
  ].filter(Boolean);
  if (problems.length > 0 || !quality.is_ok) {
    return <VerdictLine mood="bad" text={[t('quality.bad'), ...problems].join(' ')} />;
  }
  if (gaps.length > 0) return <VerdictLine mood="open" text={gaps.join(' ')} />;
  return <VerdictLine mood="good" text={t('quality.good')} />;
}

function VerdictLine({ mood, text }: { readonly mood: string; readonly text: string }) {
  return (
    <div className={`verdict ${mood}`} role="status">
      <Icon name={mood === 'good' ? 'check' : 'alert'} />
      <p>{text}</p>
    </div>
  );
}

interface FactsProps {
  readonly freshness: Freshness;
  readonly tz: string | null;
}

function FreshnessFacts({ freshness, tz }: FactsProps) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const momentOf = (value: string | null) => (value ? formats.moment(value) : NONE);
  const lag = freshness.replication_lag_seconds;
  const facts = [
    ['through', momentOf(freshness.data_through)],
    ['replicated', momentOf(freshness.replicated_at)],
    ['published', momentOf(freshness.published_at)],
    ['lag', lag === null ? NONE : formats.age(lag)],
    ['heldBack', freshness.held_back_by ?? t('quality.nobody')],
    ['turns', formats.count(freshness.turns)],
  ] as const;
  return (
    <dl className="facts">
      {facts.map(([key, value]) => (
        <div key={key}>
          <dt>{t(`quality.${key}`)}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

const CHECK_COLUMNS = ['name', 'asset', 'day', 'passed', 'observed', 'checked_at'];
const DAY_COLUMNS = [
  'day',
  'is_equal',
  'source_turns',
  'warehouse_turns',
  'rows_differ',
  'compared_at',
];

function CheckTable({
  checks,
  tz,
}: {
  readonly checks: readonly CheckResult[];
  tz: string | null;
}) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const [order, onOrder] = useOrder('checks', CHECK_COLUMNS);
  if (checks.length === 0) return <p className="placeholder">{t('quality.noChecks')}</p>;
  const columns: Column<CheckResult>[] = [
    { key: 'name', title: t('column.check'), value: (check) => check.name, isHeader: true },
    { key: 'asset', title: t('column.asset'), value: (check) => check.asset, isMinor: true },
    {
      key: 'day',
      title: t('column.day'),
      value: (check) => check.day,
      show: (check) => (check.day ? formats.day(check.day) : NONE),
      isMinor: true,
    },
    {
      key: 'passed',
      title: t('column.result'),
      value: (check) => check.passed,
      show: (check) => (
        <span className={`status ${check.passed ? 'answered' : 'failed'}`}>
          {check.passed ? t('quality.passed') : t('quality.failed')}
        </span>
      ),
    },
    {
      key: 'observed',
      title: t('column.observed'),
      value: (check) => check.observed,
      show: (check) => (
        <span title={t('quality.expected', { value: check.expected })} className="observed">
          {check.observed || NONE}
        </span>
      ),
    },
    {
      key: 'checked_at',
      title: t('column.checkedAt'),
      value: (check) => check.checked_at,
      show: (check) => formats.moment(check.checked_at),
      isNumeric: true,
    },
  ];
  return (
    <DataTable
      caption={t('quality.checks')}
      columns={columns}
      rows={checks}
      keyOf={(check) => [check.suite, check.asset, check.name, check.day].join(':')}
      sorting={{ order, onOrder }}
    />
  );
}

function DayTable({ days, tz }: { readonly days: readonly ReconciledDay[]; tz: string | null }) {
  const { t } = useTranslation();
  const formats = useFormats(tz);
  const [order, onOrder] = useOrder('days', DAY_COLUMNS);
  if (days.length === 0) return <p className="placeholder">{t('quality.noDays')}</p>;
  const columns: Column<ReconciledDay>[] = [
    {
      key: 'day',
      title: t('column.day'),
      value: (day) => day.day,
      show: (day) => formats.day(day.day),
      isHeader: true,
    },
    {
      key: 'is_equal',
      title: t('column.result'),
      value: (day) => day.is_equal,
      show: (day) => (
        <span className={`status ${day.is_equal ? 'answered' : 'failed'}`}>
          {day.is_equal ? t('quality.equal') : t('quality.differs')}
          {day.was_repaired && ` · ${t('quality.repaired')}`}
        </span>
      ),
    },
    ...(
      [
        ['source_turns', 'sourceTurns'],
        ['warehouse_turns', 'warehouseTurns'],
        ['rows_differ', 'differ'],
      ] as const
    ).map(([field, title]) => ({
      key: field,
      title: t(`column.${title}`),
      value: (day: ReconciledDay) => day[field],
      show: (day: ReconciledDay) => formats.count(day[field]),
      isNumeric: true,
    })),
    {
      key: 'compared_at',
      title: t('column.comparedAt'),
      value: (day) => day.compared_at,
      show: (day) => formats.moment(day.compared_at),
      isNumeric: true,
      isMinor: true,
    },
  ];
  return (
    <DataTable
      caption={t('quality.days')}
      columns={columns}
      rows={days}
      keyOf={(day) => day.day}
      sorting={{ order, onOrder }}
    />
  );
}
