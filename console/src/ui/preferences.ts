import { Store } from './store.ts';

/** How the person at this browser likes the console. Nothing of it is secret, so it stays when the tab is closed. */
export interface Preferences {
  theme: 'system' | 'light' | 'dark';
  /** Name of a time zone; empty for the browser's. */
  zone: string;
  /** Ids of the columns that the list of orders shows; null for those it shows to begin with. */
  columns: string[] | null;
  rowsPerPage: number;
  /** Single-key shortcuts; they get in the way of speech input (WCAG 2.1.4). */
  shortcuts: boolean;
}

const KEY = 'order-console';

const DEFAULTS: Preferences = { theme: 'system', zone: '', columns: null, rowsPerPage: 50, shortcuts: true };

function read(): Preferences {
  try {
    return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>) };
  } catch {
    // What can't be read was not written by this version; nothing is lost but a habit.
    return DEFAULTS;
  }
}

export const preferences = new Store<Preferences>(read());

export function prefer(change: Partial<Preferences>): void {
  preferences.set({ ...preferences.get(), ...change });
  localStorage.setItem(KEY, JSON.stringify(preferences.get()));
}
