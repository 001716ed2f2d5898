import type { Order } from '../../api/types.ts';
import { Store, useStore } from '../../ui/store.ts';

/** Selected orders by id, as they were when they were selected. */
export type Selection = ReadonlyMap<string, Order>;

/** More can't be reviewed by a person. It is also the limit of the API for one request. */
export const MAX_SELECTED = 1_000;

const selection = new Store<Selection>(new Map());

/** Where the last row was selected: the other end of what is selected with Shift. */
let anchor: string | null = null;

/** The orders that the bulk dialog is about; null while it is closed. */
const inDialog = new Store<Selection | null>(null);

/** Opens the bulk dialog for the orders that are selected at this moment. */
export function openBulkDialog(): void {
  if (selection.get().size > 0) inDialog.set(selection.get());
}

export function closeBulkDialog(): void {
  inDialog.set(null);
}

export function useBulkDialog(): Selection | null {
  return useStore(inDialog);
}

export function useSelection(): Selection {
  return useStore(selection);
}

export function clearSelection(): void {
  anchor = null;
  selection.set(new Map());
}

/** The filter under which orders are selected. */
let selectedUnder: string | null = null;

/** Clears the selection unless it was made under the same filter: orders that are not listed must not be acted on. */
export function clearSelectionOfOther(filterKey: string): void {
  if (selectedUnder !== filterKey) clearSelection();
  selectedUnder = filterKey;
}

export function setSelected(orders: readonly Order[], isSelected: boolean): void {
  const next = new Map(selection.get());
  for (const order of orders) {
    if (!isSelected) next.delete(order.order_id);
    else if (next.size < MAX_SELECTED || next.has(order.order_id)) next.set(order.order_id, order);
  }
  selection.set(next);
}

export function deselect(ids: readonly string[]): void {
  const next = new Map(selection.get());
  for (const id of ids) next.delete(id);
  selection.set(next);
}

/** Selects an order that was not, or the other way round; with Shift also all between it and the one before. */
export function toggle(id: string, orders: readonly Order[], withShift: boolean): void {
  const index = orders.findIndex((order) => order.order_id === id);
  const from = withShift ? orders.findIndex((order) => order.order_id === anchor) : -1;
  const isSelected = !selection.get().has(id);
  const first = from === -1 ? index : Math.min(from, index);
  const last = Math.max(from, index);
  anchor = id;
  setSelected(orders.slice(first, last + 1), withShift ? true : isSelected);
}

/**
 * Updates selected orders from the list, so that actions use the versions on the screen. An order that no longer
 * matches the status filter is about to leave the list, and leaves the selection.
 */
export function seeAgain(orders: readonly Order[], status: string | null): void {
  const changed = orders.filter(({ order_id: id, version }) => {
    const seen = selection.get().get(id);
    return seen !== undefined && seen.version !== version;
  });
  if (changed.length === 0) return;
  const leaving = changed.filter((order) => status !== null && !status.split(',').includes(order.status));
  setSelected(changed, true);
  setSelected(leaving, false);
}

/** Walks to an order and takes it along. */
export function extendTo(id: string, orders: readonly Order[]): void {
  anchor = id;
  setSelected(
    orders.filter((order) => order.order_id === id),
    true,
  );
}
