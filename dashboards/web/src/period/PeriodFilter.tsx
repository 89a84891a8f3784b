/** Chooses period, zone and comparison. Knows nothing about where the choice is kept. */

import { type FormEvent, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Segmented } from '../ui/Segmented';
import { Toggle } from '../ui/Toggle';
import { addDays, PERIODS, type PeriodName, problemOf, today, type View } from './view';
import { ZoneSelect } from './ZoneSelect';
import './period.css';

interface Props {
  readonly view: View;
  readonly onChange: (change: Partial<View>) => void;
  /** The zone of the reports, once an answer has told it. */
  readonly reportZone: string | null;
  /** Whether the page has a period before to show. */
  readonly compares: boolean;
  /** Whether the page counts in a zone of choice, and not in that of the reports alone. */
  readonly hasZone?: boolean;
}

export function PeriodFilter({ view, onChange, reportZone, compares, hasZone = true }: Props) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const showsRange = opened || view.period === 'custom';
  const pick = (period: PeriodName) => {
    setOpened(period === 'custom' && !opened);
    if (period !== 'custom') onChange({ period, from: null, to: null });
  };
  return (
    <section className="period" aria-label={t('period.label')}>
      <div className="period-row">
        <Segmented
          label={t('period.label')}
          // Until days are chosen, the numbers are those of the period before.
          value={view.period}
          options={PERIODS.map((name) => ({ value: name, label: t(`period.${name}`) }))}
          onChange={pick}
        />
        {compares && (
          <Toggle
            label={t('period.compare')}
            checked={view.compare}
            onChange={(compare) => onChange({ compare })}
          />
        )}
        {hasZone && (
          <ZoneSelect value={view.tz} reportZone={reportZone} onChange={(tz) => onChange({ tz })} />
        )}
      </div>
      {showsRange && (
        <RangeForm
          key={`${view.from}${view.to}`}
          view={view}
          zone={view.tz ?? reportZone}
          onApply={(from, to) => onChange({ period: 'custom', from, to })}
        />
      )}
    </section>
  );
}

interface RangeProps {
  readonly view: View;
  readonly zone: string | null;
  readonly onApply: (from: string, to: string) => void;
}

function RangeForm({ view, zone, onApply }: RangeProps) {
  const { t } = useTranslation();
  const last = today(zone);
  // Of moments their days: the form knows no hours.
  const [from, setFrom] = useState(view.from?.slice(0, 10) ?? addDays(last, -13));
  const [to, setTo] = useState(view.to?.slice(0, 10) ?? last);
  const [tried, setTried] = useState(false);
  const note = useId();
  const problem = problemOf(from, to);
  const apply = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (problem === null) onApply(from, to);
  };
  const invalid = tried && problem !== null;
  const isApplied = from === view.from && to === view.to;
  return (
    <form className="period-range" onSubmit={apply} noValidate>
      <label>
        {t('period.from')}
        <input
          type="date"
          value={from}
          max={last}
          aria-invalid={invalid}
          aria-describedby={note}
          onChange={(event) => setFrom(event.target.value)}
        />
      </label>
      <label>
        {t('period.to')}
        <input
          type="date"
          value={to}
          max={last}
          aria-invalid={invalid}
          aria-describedby={note}
          onChange={(event) => setTo(event.target.value)}
        />
      </label>
      <button type="submit" className={isApplied ? 'button' : 'button primary'}>
        {t('period.apply')}
      </button>
      <span id={note} className="field-error" role="alert">
        {invalid ? t(`period.problem.${problem}`) : ''}
      </span>
    </form>
  );
}
