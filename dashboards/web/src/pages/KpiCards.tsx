/** The six figures that answer most questions, each with what it was before. */

import { useTranslation } from 'react-i18next';
import type { Dashboard, Totals } from '../api/types';
import { type ChartMetric, shapeOf } from '../charts/metrics';
import { begunBuckets, knownBuckets, partialFrom } from '../charts/model';
import { is } from '../filters/filters';
import { useLinks } from '../filters/useFilters';
import type { Metric } from '../i18n';
import { useView } from '../period/useView';
import { type Decimal, type Formats, useFormats } from '../ui/format';
import { Kpi, type Sense } from '../ui/Kpi';
import { countsDiffer, differ, timesDiffer } from './significance';

/** Grows with the rows that narrow screens need. */
export const KPI_HEIGHT = 'var(--kpis-height)';

interface Figure {
  readonly key: 'active_users' | 'new_users' | 'user_messages' | 'cost_usd' | 'failed' | 'latency';
  readonly metrics: readonly Metric[];
  /** What the chart shows of it. */
  readonly charted: ChartMetric;
  readonly sense: Sense;
  readonly isShare?: boolean;
  readonly read: (totals: Totals) => number | null;
  readonly show: (formats: Formats, value: number | null) => string;
  /** Whether the change is more than chance. */
  readonly isSure: (current: Totals, previous: Totals) => boolean;
}

const toNumber = (value: Decimal | null): number | null => (value === null ? null : Number(value));

const failuresOf = ({ failed, served_turns }: Totals) => ({ some: failed, all: served_turns });
const timeOf = ({ latency_p50_ms, answers }: Totals) => ({ median: latency_p50_ms, answers });

const FIGURES: readonly Figure[] = [
  {
    key: 'active_users',
    metrics: ['active_users', 'messages_per_user', 'uncounted_turns'],
    charted: 'active_users',
    sense: 'more-is-better',
    read: (totals) => totals.active_users,
    isSure: (now, before) => countsDiffer(now.active_users, before.active_users),
    show: (formats, value) => formats.count(value),
  },
  {
    key: 'new_users',
    metrics: ['new_users'],
    charted: 'new_users',
    sense: 'more-is-better',
    read: (totals) => totals.new_users,
    isSure: (now, before) => countsDiffer(now.new_users, before.new_users),
    show: (formats, value) => formats.count(value),
  },
  {
    key: 'user_messages',
    metrics: ['user_messages', 'answers'],
    charted: 'user_messages',
    sense: 'more-is-better',
    read: (totals) => totals.user_messages,
    isSure: (now, before) => countsDiffer(now.user_messages, before.user_messages),
    show: (formats, value) => formats.count(value),
  },
  {
    key: 'cost_usd',
    metrics: ['cost_usd', 'unpriced_turns', 'tokens'],
    charted: 'cost_usd',
    sense: 'neutral',
    read: (totals) => toNumber(totals.cost_usd),
    isSure: () => true,
    show: (formats, value) => formats.money(value),
  },
  {
    key: 'failed',
    metrics: ['error_rate', 'failed', 'served_turns'],
    charted: 'error_rate',
    sense: 'less-is-better',
    isShare: true,
    read: (totals) => (totals.served_turns === 0 ? null : totals.failed / totals.served_turns),
    isSure: (now, before) => differ(failuresOf(now), failuresOf(before)),
    show: (formats, value) => formats.percent(value),
  },
  {
    key: 'latency',
    metrics: ['latency_p50_ms', 'latency_p95_ms'],
    charted: 'latency_p50_ms',
    sense: 'less-is-better',
    read: (totals) => totals.latency_p50_ms,
    isSure: (now, before) => timesDiffer(timeOf(now), timeOf(before)),
    show: (formats, value) => formats.milliseconds(value),
  },
];

interface Props {
  readonly answer: Dashboard;
  /** The first day of the data, where it lies after the start of the compared period. */
  readonly dataFrom: string | null;
  readonly firstDay: string | null;
}

export function KpiCards({ answer, dataFrom, firstDay }: Props) {
  const { summary, activity, period, newest_through } = answer;
  const { t } = useTranslation();
  const formats = useFormats(null);
  const failures = useLinks().turns(is('status', 'failed'));
  const [view, change] = useView();
  const { current, previous } = summary;
  const starts = activity.points.map((point) => point.start);
  const known = knownBuckets({
    starts,
    bucket: period.bucket,
    tz: period.tz,
    partialFrom: null,
    firstDay,
    knownTo: begunBuckets(starts, newest_through),
  });
  // What is still filling falls short of the rest, and of the future nothing is known.
  const past = activity.points.slice(0, partialFrom(starts, newest_through) ?? starts.length);
  const pointsOf = (metric: ChartMetric) =>
    past.map((point, index) => (known[index] ? shapeOf(metric).read(point) : null));
  const notes: Record<Figure['key'], string | undefined> = {
    active_users:
      current.uncounted_turns > 0
        ? t('kpi.uncounted', {
            count: current.uncounted_turns,
            value: formats.count(current.uncounted_turns),
          })
        : t('kpi.perUser', {
            count: Math.round((current.messages_per_user ?? 0) * 10) / 10,
            value: formats.decimal(current.messages_per_user),
          }),
    new_users:
      current.active_users > 0
        ? t('kpi.ofActive', { value: formats.percent(current.new_users / current.active_users) })
        : undefined,
    user_messages: t('kpi.answers', {
      count: current.answers,
      value: formats.count(current.answers),
    }),
    cost_usd:
      current.unpriced_turns > 0
        ? t('kpi.unpriced', {
            count: current.unpriced_turns,
            value: formats.count(current.unpriced_turns),
          })
        : t('kpi.tokens', {
            // Thousands and millions are followed by the same form as a thousand.
            count: current.tokens < 1000 ? current.tokens : 1000,
            value: formats.compact(current.tokens),
          }),
    failed: t('kpi.failedOf', {
      count: current.served_turns,
      failed: formats.count(current.failed),
      turns: formats.count(current.served_turns),
    }),
    latency: t('kpi.p95', { value: formats.milliseconds(current.latency_p95_ms) }),
  };
  return (
    <ul className="kpis" aria-label={t('kpi.label')}>
      {FIGURES.map((figure) => (
        <Kpi
          key={figure.key}
          label={t(`kpi.${figure.key}`)}
          value={figure.show(formats, figure.read(current))}
          current={figure.read(current)}
          previous={previous ? figure.read(previous) : undefined}
          previousText={previous ? figure.show(formats, figure.read(previous)) : ''}
          notCompared={dataFrom ? t('kpi.dataFrom', { day: formats.day(dataFrom) }) : ''}
          sense={figure.sense}
          isShare={figure.isShare ?? false}
          isSure={previous !== null && figure.isSure(current, previous)}
          note={notes[figure.key]}
          metrics={figure.metrics}
          points={pointsOf(figure.charted)}
          chart={{
            isShown: view.metric === figure.charted,
            onToggle: () =>
              change({ metric: view.metric === figure.charted ? null : figure.charted }),
          }}
          href={figure.key === 'failed' && current.failed > 0 ? failures : undefined}
        />
      ))}
    </ul>
  );
}
