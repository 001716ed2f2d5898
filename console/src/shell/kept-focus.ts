import { type RefObject, useEffect } from 'react';

/** The element that gets the focus when the focused one is gone: a row of a list, or else a heading of the page. */
function successorOf(row: number, area: HTMLElement): HTMLElement {
  const rows = [...area.querySelectorAll<HTMLElement>('[data-row]')];
  const link = rows[Math.min(row, rows.length - 1)]?.querySelector<HTMLElement>('[data-open]');
  return (row >= 0 && link) || area;
}

/**
 * Keeps the focus in an area of the page. Browsers give it to the body when the element that has it is removed or
 * disabled, as with a button whose work is done: then Tab starts at the top of the page, and a screen reader is lost.
 */
export function useKeptFocus(area: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const root = area.current;
    if (!root) return undefined;
    let last: { element: Element; row: number } | undefined;
    const remember = ({ target }: FocusEvent): void => {
      if (!(target instanceof Element)) return;
      const row = target.closest('[data-row]');
      last = { element: target, row: row ? [...root.querySelectorAll('[data-row]')].indexOf(row) : -1 };
    };
    const restore = (): void => {
      if (!last || last.element.isConnected || document.activeElement !== document.body) return;
      const { row } = last;
      last = undefined;
      successorOf(row, root).focus({ preventScroll: true });
    };
    const observer = new MutationObserver(restore);
    observer.observe(root, { childList: true, subtree: true });
    root.addEventListener('focusin', remember);
    return () => {
      observer.disconnect();
      root.removeEventListener('focusin', remember);
    };
  }, [area]);
}
