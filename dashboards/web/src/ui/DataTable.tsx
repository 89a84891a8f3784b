/**
 * A table of rows with a caption for screen readers and sortable columns; on phones each row is a
 * card. Knows no report.
 */

import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Cell } from './csv';
import { type Decimal, useFormats } from './format';
import { nextOrder, type Order, sortRows } from './order';
import { TableScroll } from './TableScroll';

export interface Column<Row> {
  readonly key: string;
  readonly title: string;
  /** What sorting compares. */
  readonly value: (row: Row) => Cell;
  /** What the screen shows; the value itself when absent. */
  readonly show?: (row: Row) => ReactNode;
  /** Dollars: numeric, all with the same decimals. Shown by the table itself. */
  readonly isMoney?: boolean;
  /** Milliseconds: numeric, all in the same unit. Shown by the table itself. */
  readonly isDuration?: boolean;
  /** Aligned to the right, and sorted from the greatest down at the first click. */
  readonly isNumeric?: boolean;
  /** The first column names its row. */
  readonly isHeader?: boolean;
  /** Left out on tablets. */
  readonly isMinor?: boolean;
  /** Present and false: the rows cannot be sorted by it. */
  readonly sorts?: boolean;
}

interface Sorting {
  readonly order: Order | null;
  readonly onOrder: (order: Order) => void;
  /** The rows are sorted already, because there are more than these. */
  readonly isDone?: boolean;
}

/** Shows the first rows and one that stands for all others, until everything is asked for. */
export interface Cut<Row> {
  readonly at: number;
  readonly title: (count: number) => string;
  readonly sum: (rows: readonly Row[]) => Row;
}

interface Props<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly sorting?: Sorting;
  readonly cut?: Cut<Row>;
  /** A row that stays first in every order. */
  readonly total?: Row;
  /** The key of the row that a link is about: marked, and scrolled to. */
  readonly marked?: string | undefined;
}

export function DataTable<Row>(props: Props<Row>) {
  const { caption, rows, keyOf, sorting, cut, total, marked } = props;
  const { t, i18n } = useTranslation();
  const columns = useShownColumns(props.columns, total === undefined ? rows : [total, ...rows]);
  const [showsAll, setShowsAll] = useState(false);
  const order = sorting?.order ?? null;
  const sorted = sorting?.isDone ? rows : sortRows(rows, columns, order, i18n.language);
  // A rest of one row would take as much room as the row.
  const isCut = cut !== undefined && !showsAll && rows.length > cut.at + 1;
  const shown = isCut ? sorted.slice(0, cut.at) : sorted;
  const others = isCut ? sorted.slice(cut.at) : [];
  return (
    <>
      <TableScroll label={caption}>
        <table className="rows">
          <caption className="visually-hidden">{caption}</caption>
          <thead>
            <tr>
              {columns.map((column) => (
                <ColumnHead key={column.key} column={column} sorting={sorting} />
              ))}
            </tr>
          </thead>
          <tbody>
            {total !== undefined && <TableRow columns={columns} row={total} className="total" />}
            {shown.map((row) => (
              <TableRow
                key={keyOf(row)}
                columns={columns}
                row={row}
                isMarked={keyOf(row) === marked}
              />
            ))}
            {isCut && (
              <TableRow
                columns={columns}
                row={cut.sum(others)}
                title={cut.title(others.length)}
                className="rest"
              />
            )}
          </tbody>
        </table>
      </TableScroll>
      {cut !== undefined && rows.length > cut.at + 1 && (
        <button type="button" className="button more" onClick={() => setShowsAll(!showsAll)}>
          {showsAll ? t('state.fewer') : t('state.all', { count: rows.length })}
        </button>
      )}
    </>
  );
}

/** The columns with those of money and of durations as the rows need them. */
function useShownColumns<Row>(columns: readonly Column<Row>[], rows: readonly Row[]) {
  const formats = useFormats(null);
  return columns.map((column): Column<Row> => {
    if (column.isMoney) {
      const amountOf = column.value as (row: Row) => Decimal | null;
      const show = formats.moneyColumn(rows.map(amountOf));
      return { ...column, isNumeric: true, show: (row) => show(amountOf(row)) };
    }
    if (column.isDuration) {
      const lengthOf = column.value as (row: Row) => number | null;
      const show = formats.durationColumn(rows.map(lengthOf));
      return { ...column, isNumeric: true, show: (row) => show(lengthOf(row)) };
    }
    return column;
  });
}

interface HeadProps<Row> {
  readonly column: Column<Row>;
  readonly sorting: Sorting | undefined;
}

function ColumnHead<Row>({ column, sorting }: HeadProps<Row>) {
  const { key, title, isNumeric = false, sorts = true } = column;
  if (!sorting || !sorts) {
    return (
      <th scope="col" className={classOf(column)}>
        {title}
      </th>
    );
  }
  const { order, onOrder } = sorting;
  const direction = order?.isDescending ? 'descending' : 'ascending';
  return (
    <th
      scope="col"
      className={`${classOf(column)} sorts`}
      aria-sort={order?.key === key ? direction : undefined}
    >
      <button
        type="button"
        className="sort"
        onClick={() => onOrder(nextOrder(order, key, isNumeric))}
      >
        {title}
      </button>
    </th>
  );
}

interface RowProps<Row> {
  readonly columns: readonly Column<Row>[];
  readonly row: Row;
  readonly title?: string;
  readonly className?: string;
  readonly isMarked?: boolean;
}

function TableRow<Row>({ columns, row, title, className, isMarked = false }: RowProps<Row>) {
  const ref = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    if (isMarked) ref.current?.scrollIntoView({ block: 'center' });
  }, [isMarked]);
  return (
    <tr
      ref={ref}
      className={isMarked ? 'marked' : className}
      aria-current={isMarked ? 'true' : undefined}
    >
      {columns.map((column) => {
        const shown = column.show ? column.show(row) : column.value(row);
        return column.isHeader ? (
          <th key={column.key} scope="row" className={classOf(column)}>
            {title ?? shown}
          </th>
        ) : (
          <td key={column.key} className={classOf(column)} data-label={column.title}>
            {shown}
          </td>
        );
      })}
    </tr>
  );
}

function classOf<Row>(column: Column<Row>): string {
  return [column.isNumeric ? 'number' : '', column.isMinor ? 'minor' : ''].join(' ').trim();
}
