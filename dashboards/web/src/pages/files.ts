/** The rows of a report as a file: named after its days, with names for those who may see them. */

import { useScope } from '../app/services';
import { today } from '../period/view';
import { wallTime } from '../period/wallTime';
import { type Csv, objectsCsv } from '../ui/csv';
import type { People } from './people';

interface Answer {
  readonly report_timezone: string;
  readonly newest_through?: string;
  readonly period?: { readonly since: string; readonly until: string; readonly tz: string };
  readonly people?: People;
}

/**
 * `activity_2026-11-23_2026-11-30`: both days are included. `activity_2026-11-30T14-00_2026-11-30T15-00`
 * where the period does not begin and end at midnight.
 */
export function fileName(report: string, answer: Answer): string {
  const { period, report_timezone, newest_through } = answer;
  if (!period) {
    return `${report}_${today(report_timezone, newest_through ? new Date(newest_through) : undefined)}`;
  }
  const times = [period.since, period.until].map((moment) => wallTime(moment, period.tz));
  if (!times.every((time) => time.endsWith('T00:00'))) {
    return [report, ...times.map((time) => time.replace(':', '-'))].join('_');
  }
  const last = new Date(Date.parse(period.until) - 1);
  return [report, today(period.tz, new Date(period.since)), today(period.tz, last)].join('_');
}

interface Series<Point> {
  readonly points: readonly Point[];
  readonly previous: readonly Point[];
}

/** The points of a chart; with another period beside it each row says of which it is, as in the API. */
export function seriesRows<Point extends object>({ points, previous }: Series<Point>) {
  if (previous.length === 0) return points;
  const rowsOf = (span: string, some: readonly Point[]) => some.map((one) => ({ span, ...one }));
  return [...rowsOf('current', points), ...rowsOf('previous', previous)];
}

/** Makes the file of an answer's rows. */
export function useFile(): (report: string, answer: Answer, rows: readonly object[]) => Csv {
  const mayName = useScope('names:read');
  return (report, answer, rows) => {
    const { people } = answer;
    const named = mayName && people ? rows.map((row) => withName(row, people)) : rows;
    return objectsCsv(fileName(report, answer), named);
  };
}

function withName(row: object, people: People): object {
  if (!('user_key' in row)) return row;
  const person = people[String(row.user_key)];
  return { ...row, name: person?.name ?? null, username: person?.username ?? null };
}
