/** The form of a custom period: two days, or two times. */

import { type FormEvent, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Toggle } from '../ui/Toggle';
import { addDays, isDate, isMoment, problemOf, today, type View } from './view';
import { momentAt, wallTime } from './wallTime';

interface Props {
  readonly view: View;
  readonly zone: string | null;
  readonly onApply: (from: string, to: string) => void;
}

/** How many days it offers at first. */
const DAYS = 14;

export function RangeForm({ view, zone, onApply }: Props) {
  const { t } = useTranslation();
  const last = today(zone);
  const [hasTimes, setHasTimes] = useState(view.from !== null && isMoment(view.from));
  const shown = (edge: string | null) => edge && (isMoment(edge) ? wallTime(edge, zone) : edge);
  const [from, setFrom] = useState(shown(view.from) ?? addDays(last, 1 - DAYS));
  const [to, setTo] = useState(shown(view.to) ?? last);
  const [tried, setTried] = useState(false);
  const note = useId();
  const asked = hasTimes ? ([momentAt(from, zone), momentAt(to, zone)] as const) : [from, to];
  const problem = problemOf(...(asked as [string, string]));
  const apply = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (problem === null) onApply(...(asked as [string, string]));
  };
  // A last day is in the period; a time is its end.
  const switchTo = (times: boolean) => {
    const [first, final] = [from, to].map((text) => dayOf(text) ?? last) as [string, string];
    setHasTimes(times);
    setFrom(times ? `${first}T00:00` : first);
    if (times) setTo(`${addDays(final, 1)}T00:00`);
    else setTo(to.endsWith('T00:00') ? addDays(final, -1) : final);
  };
  const invalid = tried && problem !== null;
  const isApplied = asked[0] === view.from && asked[1] === view.to;
  const field = {
    type: hasTimes ? 'datetime-local' : 'date',
    max: hasTimes ? `${addDays(last, 1)}T00:00` : last,
    'aria-invalid': invalid,
    'aria-describedby': note,
    ...(hasTimes ? { step: 900 } : {}),
  };
  return (
    <form className="period-range" onSubmit={apply} noValidate>
      <label>
        {t('period.from')}
        <input {...field} value={from} onChange={({ target }) => setFrom(target.value)} />
      </label>
      <label>
        {t(hasTimes ? 'period.until' : 'period.to')}
        <input {...field} value={to} onChange={({ target }) => setTo(target.value)} />
      </label>
      <Toggle label={t('period.times')} checked={hasTimes} onChange={switchTo} />
      <button type="submit" className={isApplied ? 'button' : 'button primary'}>
        {t('period.apply')}
      </button>
      <span id={note} className="field-error" role="alert">
        {invalid ? t(`period.${hasTimes ? 'problemOfTimes' : 'problem'}.${problem}`) : ''}
      </span>
    </form>
  );
}

function dayOf(text: string): string | null {
  const day = text.slice(0, 10);
  return isDate(day) ? day : null;
}
