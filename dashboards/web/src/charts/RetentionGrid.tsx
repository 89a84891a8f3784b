/** Groups of new people by row, days or weeks after by column, darker for more. A real table. */

import { useTranslation } from 'react-i18next';
import { addDays } from '../period/view';
import type { Csv } from '../ui/csv';
import { useFormats } from '../ui/format';
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
}

export function RetentionGrid({ cohorts, width }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const filled = cohorts.filter((cohort) => cohort.users > 0);
  if (filled.length === 0) return <Empty text={t('retention.empty')} />;
  const columns = Math.max(...filled.map((cohort) => cohort.active.length));
  const distances = Array.from({ length: columns }, (_, distance) => distance);
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
