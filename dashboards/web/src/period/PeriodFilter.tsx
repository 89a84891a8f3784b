/** Chooses period, zone and comparison. Knows nothing about where the choice is kept. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { fittingBuckets, isBucket } from '../charts/buckets';
import { Segmented } from '../ui/Segmented';
import { Toggle } from '../ui/Toggle';
import { RangeForm } from './RangeForm';
import {
  addDays,
  COMPARISONS,
  isDate,
  MAIN_PERIODS,
  MORE_PERIODS,
  mostDays,
  type PeriodName,
  today,
  type View,
} from './view';
import { ZoneSelect } from './ZoneSelect';
import './period.css';

interface Props {
  readonly view: View;
  readonly onChange: (change: Partial<View>) => void;
  /** The zone of the reports, once an answer has told it. */
  readonly reportZone: string | null;
  /** Whether the page has a period before to show. */
  readonly compares: boolean;
  /** Whether the page has a chart whose points can be wider or narrower. */
  readonly hasPoints?: boolean;
  /** Whether the page counts in a zone of choice, and not in that of the reports alone. */
  readonly hasZone?: boolean;
}

export function PeriodFilter(props: Props) {
  const { view, onChange, reportZone, compares, hasPoints = false, hasZone = true } = props;
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
          value={view.period as (typeof MAIN_PERIODS)[number]}
          options={MAIN_PERIODS.map((name) => ({ value: name, label: t(`period.${name}`) }))}
          onChange={pick}
        />
        <MorePeriods period={view.period} onPick={pick} />
        {hasPoints && <PointWidth view={view} onChange={onChange} />}
        {compares && (
          <Compared view={view} onChange={onChange} lastDay={today(view.tz ?? reportZone)} />
        )}
        {hasZone && (
          <ZoneSelect value={view.tz} reportZone={reportZone} onChange={(tz) => onChange({ tz })} />
        )}
      </div>
      {showsRange && (
        <RangeForm
          key={`${view.from} ${view.to} ${view.tz ?? reportZone}`}
          view={view}
          zone={view.tz ?? reportZone}
          onApply={(from, to) => onChange({ period: 'custom', from, to })}
        />
      )}
    </section>
  );
}

interface MoreProps {
  readonly period: PeriodName;
  readonly onPick: (period: PeriodName) => void;
}

function MorePeriods({ period, onPick }: MoreProps) {
  const { t } = useTranslation();
  const chosen = MORE_PERIODS.find((name) => name === period);
  return (
    <select
      className={chosen ? 'period-more chosen' : 'period-more'}
      aria-label={t('period.more')}
      value={chosen ?? ''}
      onChange={(event) => onPick(event.target.value as PeriodName)}
    >
      {!chosen && <option value="">{t('period.moreShort')}</option>}
      {MORE_PERIODS.map((name) => (
        <option key={name} value={name}>
          {t(`period.${name}`)}
        </option>
      ))}
    </select>
  );
}

type PartProps = Pick<Props, 'view' | 'onChange'>;

function PointWidth({ view, onChange }: PartProps) {
  const { t } = useTranslation();
  return (
    <label className="period-labelled">
      <span>{t('period.points')}</span>
      <select
        value={view.bucket ?? ''}
        onChange={({ target }) =>
          onChange({ bucket: isBucket(target.value) ? target.value : null })
        }
      >
        <option value="">{t('period.pointsAuto')}</option>
        {fittingBuckets(mostDays(view)).map((bucket) => (
          <option key={bucket} value={bucket}>
            {t(`period.bucket.${bucket}`)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The switch of the comparison, and what to compare with. */
function Compared({ view, onChange, lastDay }: PartProps & { readonly lastDay: string }) {
  const { t } = useTranslation();
  const named = COMPARISONS.find((one) => one === view.compareWith);
  const choose = (value: string) => {
    // A day to begin with, which the person then changes: two such periods ago.
    const day = addDays(lastDay, -3 * mostDays(view) + 1);
    onChange({ compareWith: value === 'from' ? day : value });
  };
  return (
    <span className="period-labelled">
      <Toggle
        label={t('period.compare')}
        checked={view.compare}
        onChange={(compare) => onChange({ compare })}
      />
      {view.compare && (
        <select
          aria-label={t('period.compareWith')}
          value={named ?? 'from'}
          onChange={(event) => choose(event.target.value)}
        >
          {COMPARISONS.map((one) => (
            <option key={one} value={one}>
              {t(`period.with.${one}`)}
            </option>
          ))}
          <option value="from">{t('period.with.from')}</option>
        </select>
      )}
      {view.compare && !named && (
        <input
          type="date"
          aria-label={t('period.compareFrom')}
          value={view.compareWith}
          min="2000-01-01"
          max={lastDay}
          onChange={({ target }) => isDate(target.value) && onChange({ compareWith: target.value })}
        />
      )}
    </span>
  );
}
