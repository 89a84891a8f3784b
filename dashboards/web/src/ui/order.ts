/** The order of a table's rows: one column, up or down. Knows no report and no address. */

import type { Cell } from './csv';

export interface Order {
  readonly key: string;
  readonly isDescending: boolean;
}

interface Comparable<Row> {
  readonly key: string;
  readonly value: (row: Row) => Cell;
  readonly isNumeric?: boolean;
}

/** The order after a click: the other direction, or a new column, texts from A to Z. */
export function nextOrder(now: Order | null, key: string, isNumeric: boolean): Order {
  if (now?.key === key) return { key, isDescending: !now.isDescending };
  return { key, isDescending: isNumeric };
}

/** As an address and the API write it: `cost_usd`, or `-cost_usd` from the greatest down. */
export function writeOrder({ key, isDescending }: Order): string {
  return isDescending ? `-${key}` : key;
}

export function readOrder(text: string): Order {
  return text.startsWith('-')
    ? { key: text.slice(1), isDescending: true }
    : { key: text, isDescending: false };
}

/** Sorted by the column, else as they are. What is unknown comes last in both directions. */
export function sortRows<Row>(
  rows: readonly Row[],
  columns: readonly Comparable<Row>[],
  order: Order | null,
  language: string,
): readonly Row[] {
  const column = columns.find((one) => one.key === order?.key);
  if (!column || !order) return rows;
  const sign = order.isDescending ? -1 : 1;
  const collator = new Intl.Collator(language, { numeric: true, sensitivity: 'base' });
  return [...rows].sort((first, second) => {
    const [a, b] = [column.value(first), column.value(second)];
    if (isUnknown(a) || isUnknown(b)) return Number(isUnknown(a)) - Number(isUnknown(b));
    return sign * compare(a, b, collator);
  });
}

function isUnknown(cell: Cell): boolean {
  return cell === null || cell === undefined || cell === '';
}

function compare(a: Cell, b: Cell, collator: Intl.Collator): number {
  // Decimals travel as text; dates and names are no numbers.
  const difference = Number(a) - Number(b);
  return Number.isNaN(difference) ? collator.compare(String(a), String(b)) : difference;
}
