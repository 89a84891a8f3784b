/** How far the numbers can be trusted: age, checks, PostgreSQL against ClickHouse. */

import { useTranslation } from 'react-i18next';
import type { Freshness, QualityAnswer, ReconciledDay } from '../api/types';
import { useReport } from '../api/useReport';
import { useOrder } from '../period/useOrder';
import { Card } from '../ui/Card';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import { Icon } from '../ui/Icon';
import { Loaded } from '../ui/Loaded';
import { CheckGroups } from './CheckGroups';
import { namedChecks } from './checks';
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
        {(answer) => <Verdict answer={answer} />}
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
          {(answer) => <CheckGroups checks={answer.quality.checks} tz={tz} />}
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

function Verdict({ answer }: { readonly answer: QualityAnswer }) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const { quality } = answer;
  const checks = namedChecks(quality.checks);
  const passed = checks.filter((check) => check.failures.length === 0).length;
  const equal = quality.days.filter((day) => day.is_equal).length;
  const parts = [
    quality.days_withheld.length > 0 &&
      t('quality.withheld', { days: quality.days_withheld.map(formats.day).join(', ') }),
    checks.length > 0
      ? t('quality.checksPassed', { passed, count: checks.length })
      : t('quality.noChecks'),
    quality.days.length > 0
      ? t('quality.daysEqual', { equal, count: quality.days.length })
      : t('quality.noDays'),
    t('freshness.age', { age: formats.age(answer.lag_seconds) }),
  ].filter(Boolean);
  const isSeen = checks.length > 0 && quality.days.length > 0;
  const mood = quality.is_ok ? (isSeen ? 'good' : 'open') : 'bad';
  return <VerdictLine mood={mood} text={parts.join(' · ')} />;
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

const DAY_COLUMNS = [
  'day',
  'is_equal',
  'source_turns',
  'warehouse_turns',
  'rows_differ',
  'compared_at',
];

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
