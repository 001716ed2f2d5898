import type { RefObject } from 'react';
import { type Shortcuts, useShortcuts } from './shortcuts.ts';

/** The element in a row that the row's link or button is: what gets the focus when the row is walked to. */
const TARGET = '[data-open]';

function rowsIn(list: RefObject<HTMLElement | null>): HTMLElement[] {
  return [...(list.current?.querySelectorAll<HTMLElement>('[data-row]') ?? [])];
}

/** The row that has the focus. */
function activeRow(list: RefObject<HTMLElement | null>): HTMLElement | null {
  const row = document.activeElement?.closest<HTMLElement>('[data-row]') ?? null;
  return row && list.current?.contains(row) ? row : null;
}

function walk(list: RefObject<HTMLElement | null>, by: number): HTMLElement | undefined {
  const rows = rowsIn(list);
  const active = activeRow(list);
  const index = active ? rows.indexOf(active) + by : by > 0 ? 0 : rows.length - 1;
  const row = rows[Math.min(rows.length - 1, Math.max(0, index))];
  row?.querySelector<HTMLElement>(TARGET)?.focus();
  return row;
}

/**
 * Keyboard navigation of a list. It moves the browser's focus between the links of the rows, so that Enter opens a
 * row and screen readers announce it.
 *
 * @param more additional keys of the list; they get the focused row, if any
 */
export function useRowKeys(
  list: RefObject<HTMLElement | null>,
  more: Record<string, (id: string | undefined, event: KeyboardEvent) => void> = {},
): void {
  const step = (by: number) => (event: KeyboardEvent) => {
    const row = walk(list, by);
    more['walked']?.(row?.dataset['row'], event);
  };
  const others = Object.entries(more).map(([key, action]): [string, Shortcuts[string]] => [
    key,
    (event) => action(activeRow(list)?.dataset['row'], event),
  ]);
  useShortcuts({
    ...Object.fromEntries(others),
    j: step(1),
    k: step(-1),
    J: step(1),
    K: step(-1),
    ArrowDown: step(1),
    ArrowUp: step(-1),
    Home: step(-Infinity),
    End: step(Infinity),
  });
}
