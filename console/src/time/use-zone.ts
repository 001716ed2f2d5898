import { useSyncExternalStore } from 'react';
import { preferences } from '../ui/preferences.ts';
import { useStore } from '../ui/store.ts';
import { wallTime } from './zone.ts';

/** The time zone of this browser, as in `Europe/Berlin`. */
export const BROWSER_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The zone in which the viewer reads and writes times. */
export function useZone(): string {
  const { zone } = useStore(preferences);
  return zone === '' ? BROWSER_ZONE : zone;
}

/** How long after midnight times of the day before may still be shown without it. */
const DAY_CHECK_MS = 15_000;

const dayListeners = new Set<() => void>();

/** One timer for all times of the page. */
let dayTimer: ReturnType<typeof setInterval> | undefined;

function watchDay(listener: () => void): () => void {
  dayListeners.add(listener);
  dayTimer ??= setInterval(() => {
    for (const notify of dayListeners) notify();
  }, DAY_CHECK_MS);
  return () => {
    dayListeners.delete(listener);
    if (dayListeners.size > 0) return;
    clearInterval(dayTimer);
    dayTimer = undefined;
  };
}

/** Today in the zone, as in `2026-01-31`; also on a page that is left open past midnight. */
export function useToday(zone: string): string {
  return useSyncExternalStore(watchDay, () => wallTime(new Date(), zone).date);
}
