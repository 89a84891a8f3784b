/** Chooses the time zone in which days begin. A native list, so that typing finds a city. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';

interface Props {
  readonly value: string | null;
  readonly reportZone: string | null;
  readonly onChange: (tz: string | null) => void;
}

export function ZoneSelect({ value, reportZone, onChange }: Props) {
  const { t } = useTranslation();
  // Some 400 options are only built once somebody reaches for the list.
  const [everyZone, setEveryZone] = useState<readonly string[]>([]);
  const load = () => setEveryZone((zones) => (zones.length ? zones : allZones()));
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const near = [...new Set([own, 'UTC', ...(value ? [value] : [])])];
  return (
    <label className="period-zone">
      <span>{t('period.zone')}</span>
      <select
        value={value ?? ''}
        onFocus={load}
        onPointerDown={load}
        onChange={(event) => onChange(event.target.value || null)}
      >
        <option value="">
          {reportZone ? t('period.reportZoneNamed', { zone: reportZone }) : t('period.reportZone')}
        </option>
        <optgroup label={t('period.zoneNear')}>
          {near.map((zone) => (
            <option key={zone} value={zone}>
              {zone === own ? t('period.zoneOwn', { zone }) : zone}
            </option>
          ))}
        </optgroup>
        {everyZone.length > 0 && (
          <optgroup label={t('period.zoneAll')}>
            {everyZone
              .filter((zone) => !near.includes(zone))
              .map((zone) => (
                <option key={zone} value={zone}>
                  {zone}
                </option>
              ))}
          </optgroup>
        )}
      </select>
    </label>
  );
}

function allZones(): readonly string[] {
  return Intl.supportedValuesOf('timeZone');
}
