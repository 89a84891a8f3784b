/** A table of rows with a caption for screen readers and sortable columns. Knows no report. */

import { type ReactNode, useState } from 'react';
import type { Cell, Csv } from './csv';

export interface Column<Row> {
  readonly key: string;
  readonly title: string;
  /** What a file holds, and what sorting compares. */
  readonly value: (row: Row) => Cell;
  /** What the screen shows; the value itself when absent. */
  readonly show?: (row: Row) => ReactNode;
  readonly numeric?: boolean;
  /** The first column names its row. */
  readonly isHeader?: boolean;
  /** Left out on narrow screens. */
  readonly minor?: boolean;
}

interface Props<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
}

interface Order {
  readonly key: string;
  readonly descending: boolean;
}

export function DataTable<Row>({ caption, columns, rows, keyOf }: Props<Row>) {
  const [order, setOrder] = useState<Order | null>(null);
  const sorted = sortRows(rows, columns, order);
  const sort = (key: string) =>
    setOrder((now) =>
      now?.key === key ? { key, descending: !now.descending } : { key, descending: true },
    );
  const directionOf = (key: string) => {
    if (order?.key !== key) return undefined;
    return order.descending ? 'descending' : 'ascending';
  };
  return (
    // Focusable, so that the keyboard can scroll what does not fit.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable
    <section className="table-scroll" tabIndex={0} aria-label={caption}>
      <table>
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.key}
                scope="col"
                className={classOf(column)}
                aria-sort={directionOf(column.key)}
              >
                <button type="button" className="sort" onClick={() => sort(column.key)}>
                  {column.title}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => {
                const shown = column.show ? column.show(row) : column.value(row);
                return column.isHeader ? (
                  <th key={column.key} scope="row" className={classOf(column)}>
                    {shown}
                  </th>
                ) : (
                  <td key={column.key} className={classOf(column)}>
                    {shown}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function csvOf<Row>(
  name: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): Csv {
  return {
    name,
    columns: columns.map((column) => column.key),
    rows: rows.map((row) => columns.map((column) => column.value(row))),
  };
}

function classOf<Row>(column: Column<Row>): string {
  return [column.numeric ? 'number' : '', column.minor ? 'minor' : ''].join(' ').trim();
}

function sortRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  order: Order | null,
): readonly Row[] {
  const column = columns.find((one) => one.key === order?.key);
  if (!column || !order) return rows;
  const sign = order.descending ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(column.value(a), column.value(b)));
}

/** What is unknown sorts below everything that is known. */
function compare(a: Cell, b: Cell): number {
  if (a == null || b == null) return Number(a != null) - Number(b != null);
  const [x, y] = [Number(a), Number(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return String(a).localeCompare(String(b));
}
