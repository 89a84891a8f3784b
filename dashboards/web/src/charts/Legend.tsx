/** Names the series of a chart; each name shows or hides its series. */

import { useTranslation } from 'react-i18next';
import type { Series } from './model';

interface Props {
  readonly series: readonly Series[];
  /** Key under which the period before is hidden; null when there is none. */
  readonly previousKey: string | null;
  readonly previousLabel: string;
  /** Whether there is a usual range; `learning`: too little is known yet. */
  readonly usual: 'none' | 'learning' | 'known';
  /** Key under which it is hidden. */
  readonly usualKey: string;
  /** Series that are drawn with a pattern. */
  readonly striped: ReadonlySet<string>;
  readonly hidden: ReadonlySet<string>;
  readonly onToggle: (key: string) => void;
}

export function Legend(props: Props) {
  const { series, previousKey, previousLabel, usual, usualKey, striped, hidden, onToggle } = props;
  const { t } = useTranslation();
  const entries = series.map((one) => ({
    key: one.key,
    label: one.label,
    mark: `swatch ${one.kind} tone-${one.tone} ${striped.has(one.key) ? 'striped' : ''}`,
  }));
  if (previousKey) {
    entries.push({ key: previousKey, label: previousLabel, mark: 'swatch dashed' });
  }
  if (usual === 'known') {
    entries.push({ key: usualKey, label: t('chart.usual'), mark: 'swatch band' });
  }
  return (
    <ul className="legend" aria-label={t('chart.legend')}>
      {entries.map((entry) => (
        <li key={entry.key}>
          <button
            type="button"
            className="legend-entry"
            aria-pressed={!hidden.has(entry.key)}
            onClick={() => onToggle(entry.key)}
          >
            <i className={entry.mark} aria-hidden="true" />
            {entry.label}
          </button>
        </li>
      ))}
      {usual === 'learning' && (
        <li className="note legend-note">
          <i className="swatch band" aria-hidden="true" />
          {t('chart.usualLearning')}
        </li>
      )}
    </ul>
  );
}
