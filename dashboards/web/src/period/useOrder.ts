/** The order of a table, kept in the address: `sort=models:-cost_usd,causes:cause`. */

import { type Order, readOrder, writeOrder } from '../ui/order';
import { useView } from './useView';

export function useOrder(
  table: string,
  columns: readonly string[],
): [Order | null, (order: Order) => void] {
  const [view, change] = useView();
  const kept = view.sort[table];
  const read = kept === undefined ? null : readOrder(kept);
  const order = read && columns.includes(read.key) ? read : null;
  const setOrder = (next: Order) => change({ sort: { ...view.sort, [table]: writeOrder(next) } });
  return [order, setOrder];
}
