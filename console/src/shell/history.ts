import { useEffect } from 'react';

/** What a step in the browser's history knows of the one before it. */
interface Step {
  /** Whether the step before is the page that this one was opened from. */
  isInside?: boolean;
}

/** To be given along when a page is opened from another page of the console. */
export const FROM_INSIDE = { isInside: true } satisfies Step;

/** Whether the step before in the browser's history is a page of the console. */
export function cameFromInside(): boolean {
  return (window.history.state as Step | null)?.isInside ?? false;
}

/** Goes back to the previous page as it was, or elsewhere if that is no page of the console. */
export function goBackOr(instead: () => void): void {
  if (cameFromInside()) window.history.back();
  else instead();
}

let lastOpened: string | undefined;

/** Remembers which row of a list is looked at, to be found again on the way back. */
export function useOpened(id: string): void {
  useEffect(() => {
    lastOpened = id;
  }, [id]);
}

/** Gives the focus to the row that was opened last, once. */
export function focusLastOpened(list: HTMLElement | null): void {
  if (lastOpened === undefined || !list) return;
  list.querySelector<HTMLElement>(`[data-row="${CSS.escape(lastOpened)}"] [data-open]`)?.focus();
  lastOpened = undefined;
}
