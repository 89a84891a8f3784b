/** Weekday by hour, darker for more. A real table, so that it can be read aloud. */

import { useTranslation } from 'react-i18next';
import { useFormats } from '../ui/format';
import './charts.css';

export interface HeatmapCell {
  /** 1 Monday to 7 Sunday. */
  readonly weekday: number;
  readonly hour: number;
  readonly user_messages: number;
  readonly active_users: number;
}

interface Props {
  readonly cells: readonly HeatmapCell[];
  readonly caption: string;
}

export const HEATMAP_HEIGHT = 250;
const DAYS = [1, 2, 3, 4, 5, 6, 7];
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

export function Heatmap({ cells, caption }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const byPlace = new Map(cells.map((cell) => [`${cell.weekday}-${cell.hour}`, cell]));
  const most = cells.reduce((max, cell) => Math.max(max, cell.user_messages), 0);
  return (
    <div className="heatmap" style={{ minHeight: HEATMAP_HEIGHT }}>
      <table>
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            <td />
            {HOURS.map((hour) => (
              <th key={hour} scope="col">
                <span className={hour % 3 ? 'visually-hidden' : undefined}>{hour}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {DAYS.map((day) => (
            <tr key={day}>
              <th scope="row">{formats.weekday(day)}</th>
              {HOURS.map((hour) => {
                const cell = byPlace.get(`${day}-${hour}`);
                const messages = cell?.user_messages ?? 0;
                const text = t('heatmap.cell', {
                  day: formats.weekday(day, 'long'),
                  from: `${hour}:00`,
                  messages: formats.count(messages),
                  people: formats.count(cell?.active_users ?? 0),
                });
                return (
                  <td key={hour} title={text} data-level={levelOf(messages, most)}>
                    <span className="visually-hidden">{formats.count(messages)}</span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="heatmap-scale note" aria-hidden="true">
        {t('heatmap.fewer')}
        {[0, 1, 2, 3, 4, 5].map((level) => (
          <i key={level} data-level={level} />
        ))}
        {t('heatmap.more', { most: formats.count(most) })}
      </p>
    </div>
  );
}

/** 0 for none, 1 to 5 for the share of the greatest. */
export function levelOf(value: number, most: number): number {
  if (value <= 0 || most <= 0) return 0;
  return Math.min(5, Math.ceil((value / most) * 5));
}
