/** One figure with what it was before. */

import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { Metric } from '../i18n';
import { Explain } from './Explain';
import { useFormats } from './format';
import { Sparkline } from './Sparkline';

/** Whether more is good news, bad news, or neither. */
export type Sense = 'more-is-better' | 'less-is-better' | 'neutral';

interface Props {
  readonly label: string;
  readonly value: string;
  readonly current: number | null;
  /** null: unknown; undefined: not asked for. */
  readonly previous: number | null | undefined;
  readonly previousText: string;
  /** Why there is no period to compare with. */
  readonly notCompared?: string;
  readonly sense: Sense;
  /** A part of one: its change is told in percentage points. */
  readonly isShare?: boolean;
  /** False when the change may be chance: it gets no colour. */
  readonly isSure?: boolean;
  readonly note?: string | undefined;
  /** Whose definitions tell what is shown. */
  readonly metrics: readonly Metric[];
  /** The figure over the period, where it is known. */
  readonly points: readonly (number | null)[];
  /** Shows the figure in the chart, or shows it no more. */
  readonly chart: { readonly isShown: boolean; readonly onToggle: () => void };
  /** Where the figure's turns are listed. */
  readonly href?: string | undefined;
}

export function Kpi({
  label,
  value,
  current,
  previous,
  previousText,
  notCompared = '',
  sense,
  isShare,
  isSure = true,
  note,
  metrics,
  href,
  points,
  chart,
}: Props) {
  const { t } = useTranslation();
  const isKnown = current !== null && typeof previous === 'number';
  return (
    <li className={chart.isShown ? 'kpi charted' : 'kpi'}>
      <div className="title-line">
        <h3>{label}</h3>
        <Explain metrics={metrics} of={label} />
      </div>
      <p className="kpi-figure">
        <span className="kpi-value">{value}</span>{' '}
        {isKnown && (
          <Change
            current={current}
            previous={previous}
            sense={isSure ? sense : 'neutral'}
            isShare={isShare ?? false}
          />
        )}
      </p>
      <p className="kpi-before">
        {previous === undefined
          ? notCompared
          : isKnown
            ? t('kpi.previous', { value: previousText })
            : t('kpi.noPrevious')}
      </p>
      <button
        type="button"
        className="kpi-chart"
        aria-pressed={chart.isShown}
        aria-label={t('kpi.chart', { of: label })}
        title={t('kpi.chart', { of: label })}
        onClick={chart.onToggle}
      >
        <Sparkline values={points} />
      </button>
      <p className="kpi-note">
        {href ? (
          <Link className="count-link" href={href}>
            {note}
          </Link>
        ) : (
          note
        )}
      </p>
    </li>
  );
}

interface ChangeProps {
  readonly current: number;
  readonly previous: number;
  readonly sense: Sense;
  readonly isShare: boolean;
}

function Change({ current, previous, sense, isShare }: ChangeProps) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  if (!isShare && previous === 0) return null;
  const change = isShare ? current - previous : current / previous - 1;
  const text = isShare
    ? t('kpi.points', { value: formats.points(change) })
    : formats.change(change);
  return (
    <span className={`delta ${moodOf(change, sense)}`}>
      <span aria-hidden="true">{arrowOf(change)}</span> {text}
    </span>
  );
}

function arrowOf(change: number): string {
  if (Math.abs(change) < 0.0005) return '→';
  return change > 0 ? '↑' : '↓';
}

function moodOf(change: number, sense: Sense): 'good' | 'bad' | 'plain' {
  if (sense === 'neutral' || Math.abs(change) < 0.0005) return 'plain';
  return change > 0 === (sense === 'more-is-better') ? 'good' : 'bad';
}
