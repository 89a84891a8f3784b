/** Groups of new people by row, days or weeks after by column, darker for more. A real table. */

import { useTranslation } from 'react-i18next';
import { addDays, today } from '../period/view';
import type { Csv } from '../ui/csv';
import { NONE, useFormats } from '../ui/format';
import { Empty } from '../ui/states';
import { TableScroll } from '../ui/TableScroll';
import './charts.css';

export interface Cohort {
  readonly start: string;
  readonly users: number;
  /** Active people by distance from the first day or week; null: not over yet. */
  readonly active: readonly (number | null)[];
}

interface Props {
  readonly cohorts: readonly Cohort[];
  readonly width: 'day' | 'week';
  /** The other period: all of it is shown below all of this one. */
  readonly compared?: Comparison | null;
}

/** The cohorts of both periods that neither period cuts; null: not known yet. */
interface Comparison {
  readonly name: string;
  readonly now: readonly Cohort[];
  readonly before: readonly Cohort[] | null;
}

export function RetentionGrid({ cohorts, width, compared = null }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const filled = cohorts.filter((cohort) => cohort.users > 0);
  if (filled.length === 0) return <Empty text={t('retention.empty')} />;
  const columns = Math.max(...filled.map((cohort) => cohort.active.length));
  const distances = Array.from({ length: columns }, (_, distance) => distance);
  const wholes = compared
    ? [
        { name: t('retention.thisPeriod'), all: sumsOf(compared.now, columns) },
        { name: compared.name, all: compared.before && sumsOf(compared.before, columns) },
      ]
    : [];
  return (
    <TableScroll label={t('retention.title')}>
      <table className="retention">
        <caption className="visually-hidden">{t('retention.title')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('retention.cohort')}</th>
            <th scope="col" className="number">
              {t('retention.users')}
            </th>
            {distances.map((distance) => (
              <th key={distance} scope="col" className="number">
                {distance}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {wholes.map(({ name, all }) => (
            <tr key={name} className="sums">
              <th scope="row">{name}</th>
              <td className="number">{all ? formats.count(all[0]?.users ?? 0) : NONE}</td>
              {distances.map((distance) => (
                <RetentionCell
                  key={distance}
                  active={all?.[distance]?.active ?? null}
                  users={all?.[distance]?.users ?? 0}
                />
              ))}
            </tr>
          ))}
          {filled.map((cohort) => (
            <tr key={cohort.start}>
              <th scope="row">
                {width === 'week'
                  ? formats.days(cohort.start, addDays(cohort.start, 6))
                  : formats.day(cohort.start)}
              </th>
              <td className="number">{formats.count(cohort.users)}</td>
              {distances.map((distance) => (
                <RetentionCell
                  key={distance}
                  active={cohort.active[distance] ?? null}
                  users={cohort.users}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  );
}

/** Without the days and weeks that the period cuts: one may be a part of both periods. */
export function wholeCohorts(
  cohorts: readonly Cohort[],
  width: 'day' | 'week',
  { since, until }: { readonly since: string; readonly until: string },
  tz: string,
): readonly Cohort[] {
  const before = today(tz, new Date(Date.parse(since) - 1));
  const end = today(tz, new Date(until));
  const days = width === 'week' ? 7 : 1;
  return cohorts.filter(({ start }) => start > before && addDays(start, days) <= end);
}

interface Share {
  readonly active: number | null;
  readonly users: number;
}

/** By distance: of the people of all cohorts for which it is over, how many were active. */
export function sumsOf(cohorts: readonly Cohort[], distances: number): readonly Share[] {
  return Array.from({ length: distances }, (_, distance) => {
    const over = cohorts.filter((one) => one.users > 0 && one.active[distance] != null);
    const users = over.reduce((sum, one) => sum + one.users, 0);
    const active = over.reduce((sum, one) => sum + (one.active[distance] ?? 0), 0);
    return { active: users > 0 ? active : null, users };
  });
}

function RetentionCell({
  active,
  users,
}: {
  readonly active: number | null;
  readonly users: number;
}) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  if (active === null) {
    return (
      <td className="number open" title={t('retention.open')}>
        <span className="visually-hidden">{t('retention.open')}</span>
      </td>
    );
  }
  const rate = active / users;
  const text = t('retention.cell', { value: formats.count(active), users: formats.count(users) });
  return (
    <td className="number" title={text} data-level={levelOf(rate)}>
      {formats.percent(Math.round(rate * 100) / 100)}
      <small>{text}</small>
    </td>
  );
}

/** 0 for none, 1 to 5; most cohorts live below a half, so the steps are finer there. */
export function levelOf(rate: number): number {
  if (rate <= 0) return 0;
  const steps = [0.05, 0.12, 0.25, 0.5];
  const place = steps.findIndex((step) => rate <= step);
  return place === -1 ? 5 : place + 1;
}

export function retentionCsv(name: string, cohorts: readonly Cohort[]): Csv {
  const columns = Math.max(0, ...cohorts.map((cohort) => cohort.active.length));
  const distances = Array.from({ length: columns }, (_, distance) => distance);
  return {
    name,
    columns: ['start', 'users', ...distances.map((distance) => `active_${distance}`)],
    rows: cohorts.map((cohort) => [
      cohort.start,
      cohort.users,
      ...distances.map((distance) => cohort.active[distance] ?? null),
    ]),
  };
}
