/** Weekday by hour, darker for more. A real table, so that it can be read aloud. */

import { Fragment, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { HourSpan } from '../period/usePicked';
import { useFormats } from '../ui/format';
import { HourMenu } from './HourMenu';
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
  /** Whether the data of the period reach an hour: one still to come is not one without messages. */
  readonly isCounted?: (weekday: number, hour: number) => boolean;
  /** Present where the page can be narrowed to an hour of one of the dates of a cell. */
  readonly picks?: Picks;
}

interface Picks {
  readonly tz: string;
  readonly spansOf: (weekday: number, hour: number) => readonly HourSpan[];
  readonly onPick: (span: HourSpan) => void;
}

interface Opened {
  readonly title: string;
  readonly spans: readonly HourSpan[];
  readonly cell: Element;
}

export const HEATMAP_HEIGHT = 250;
const LEVELS = 5;
const DAYS = [1, 2, 3, 4, 5, 6, 7];
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

export function Heatmap({ cells, caption, isCounted, picks }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const byPlace = new Map(cells.map((cell) => [`${cell.weekday}-${cell.hour}`, cell]));
  const floors = floorsOf(cells.map((cell) => cell.user_messages));
  const [opened, setOpened] = useState<Opened | null>(null);
  const press = ({ spansOf, onPick }: Picks, day: number, hour: number, cell: Element) => {
    const spans = spansOf(day, hour);
    const [only, ...others] = spans;
    if (only && others.length === 0) onPick(only);
    if (others.length === 0) return;
    const title = t('heatmap.pick', { day: formats.weekday(day, 'long'), from: `${hour}:00` });
    setOpened({ title, spans, cell });
  };
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
                if (messages === 0 && isCounted?.(day, hour) === false) {
                  return <td key={hour} title={t('heatmap.notCounted')} />;
                }
                const text = t('heatmap.cell', {
                  day: formats.weekday(day, 'long'),
                  from: `${hour}:00`,
                  messages: t('heatmap.messages', {
                    count: messages,
                    value: formats.count(messages),
                  }),
                  people: t('heatmap.people', {
                    count: cell?.active_users ?? 0,
                    value: formats.count(cell?.active_users ?? 0),
                  }),
                });
                return (
                  <td key={hour} title={text} data-level={levelOf(messages, floors)}>
                    {picks && messages > 0 ? (
                      <button
                        type="button"
                        aria-label={text}
                        onClick={({ currentTarget }) => press(picks, day, hour, currentTarget)}
                      />
                    ) : (
                      <span className="visually-hidden">{formats.count(messages)}</span>
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {picks && opened && (
        <HourMenu
          title={opened.title}
          spans={opened.spans}
          tz={picks.tz}
          beside={opened.cell}
          onPick={(span) => {
            setOpened(null);
            picks.onPick(span);
          }}
          onClose={() => setOpened(null)}
        />
      )}
      <p className="heatmap-scale note" aria-hidden="true">
        {t('heatmap.fewer')}
        <i data-level={0} />
        {floors.map((floor, index) => (
          <Fragment key={floor}>
            <i data-level={levelOf(floor, floors)} />
            {formats.compact(floor)}
            {index === floors.length - 1 && '+'}
          </Fragment>
        ))}
      </p>
    </div>
  );
}

/**
 * The least value of each level. A level holds a fifth of the cells that are not empty, whatever
 * their sizes: a single burst must not make all others look alike.
 */
export function floorsOf(values: readonly number[]): readonly number[] {
  const some = values.filter((value) => value > 0).sort((a, b) => a - b);
  const floors = new Set(
    Array.from({ length: LEVELS }, (_, n) => some[Math.floor((n * some.length) / LEVELS)] ?? 0),
  );
  // Where all but a few are equal, the greatest still has a level of its own.
  const greatest = some.at(-1);
  if (floors.size === 1 && greatest) floors.add(greatest);
  return [...floors].filter((floor) => floor > 0);
}

/** 0 for none, 1 for the least, 5 for the most. */
export function levelOf(value: number, floors: readonly number[]): number {
  if (value <= 0) return 0;
  const reached = Math.max(0, floors.filter((floor) => value >= floor).length - 1);
  const steps = floors.length - 1;
  return steps < 1 ? LEVELS : 1 + Math.round((reached * (LEVELS - 1)) / steps);
}
