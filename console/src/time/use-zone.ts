import { preferences } from '../ui/preferences.ts';
import { useStore } from '../ui/store.ts';

/** The time zone of this browser, as in `Europe/Berlin`. */
export const BROWSER_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The zone in which the viewer reads and writes times. */
export function useZone(): string {
  const { zone } = useStore(preferences);
  return zone === '' ? BROWSER_ZONE : zone;
}
