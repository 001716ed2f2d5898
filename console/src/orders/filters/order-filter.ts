import type { OrderQuery } from '../../api/types.ts';
import { ORDER_STATUS_NAMES } from '../../../../src/orders/order-status.ts';
import { instantOf, startOfDay } from '../../time/zone.ts';
import { DETAIL_NAMES, type DetailFilters, detailParams, isDetail, NO_DETAILS } from './detail-filters.ts';

/** Spans of time in which orders may have been placed, by their names in the address bar. */
export const WINDOWS = {
  any: 'Any time',
  hour: 'Last hour',
  day: 'Last 24 hours',
  today: 'Today',
  yesterday: 'Yesterday',
  week: 'Last 7 days',
  custom: 'From … to …',
} as const;

export type Window = keyof typeof WINDOWS;

/** The filter of the list, as in the URL. */
export interface OrderFilter extends DetailFilters {
  q: string;
  /** One status or several, between commas, as the API takes them; null for any. */
  status: string | null;
  window: Window;
  /**
   * Bounds of a custom window as instants, as in `2026-01-31T11:00:00.000Z`; empty for no bound. An address that is sent
   * to a colleague in another time zone therefore means the same orders.
   */
  from: string;
  to: string;
  /** Parameters of the address that can't be read, as in `from=yesterday`: they narrow nothing down. */
  unreadable: string[];
}

/** Selects all orders. */
export const NO_FILTER: OrderFilter = {
  q: '',
  status: null,
  window: 'any',
  from: '',
  to: '',
  ...NO_DETAILS,
  unreadable: [],
};

const HOUR_MS = 3_600_000;
const DAYS_OF_WEEK = 7;
/** An instant with its offset, or a day or a time without one, which is read in the viewer's zone. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;
const WALL_TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$/;

/** Reads the filter out of an address. @param zone in which times without an offset are meant */
export function readFilter(params: URLSearchParams, zone: string): OrderFilter {
  const unreadable: string[] = [];
  const read = <Value>(name: string, parse: (text: string) => Value | undefined, none: Value): Value => {
    const text = params.get(name) ?? '';
    if (text === '') return none;
    const value = parse(text);
    if (value === undefined) unreadable.push(`${name}=${text}`);
    return value ?? none;
  };
  const readInstant = (text: string): string | undefined => parseInstant(text, zone);
  const from = read('from', readInstant, '');
  const to = read('to', readInstant, '');
  // An address with bounds and no window means these bounds.
  const none = from === '' && to === '' ? 'any' : 'custom';
  const details = { ...NO_DETAILS };
  for (const name of DETAIL_NAMES) {
    details[name] = read(name, (text) => (isDetail(name, text) ? text : undefined), '');
  }
  return {
    q: params.get('q') ?? '',
    status: read('status', (text) => (areStatuses(text) ? text : undefined), null),
    window: read('window', (text) => (Object.hasOwn(WINDOWS, text) ? (text as Window) : undefined), none),
    from,
    to,
    ...details,
    unreadable,
  };
}

function areStatuses(text: string): boolean {
  const names: readonly string[] = ORDER_STATUS_NAMES;
  return text.split(',').every((name) => names.includes(name));
}

/** Whether the calendar has the day: `Date` takes the 31st of February for a day in March. */
function isDay(text: string): boolean {
  return new Date(`${text}T00:00:00Z`).toISOString().startsWith(text);
}

function parseInstant(text: string, zone: string): string | undefined {
  const isWallTime = WALL_TIME.test(text);
  if (!isWallTime && !INSTANT.test(text)) return undefined;
  if (Number.isNaN(Date.parse(text)) || !isDay(text.slice(0, 'yyyy-mm-dd'.length))) return undefined;
  const instant = isWallTime ? instantOf(text.includes('T') ? text : `${text}T00:00`, zone) : new Date(text);
  return instant.toISOString();
}

/** Whether a custom window ends before it begins, so that no order can be in it. */
export function isReversed({ window, from, to }: OrderFilter): boolean {
  return window === 'custom' && from !== '' && to !== '' && from >= to;
}

/** The parameters of a URL that belong to the filter. */
export function filterParams(filter: OrderFilter): Record<string, string> {
  const { q, status, window, from, to } = filter;
  const isCustom = window === 'custom';
  return {
    ...(q !== '' && { q }),
    ...(status !== null && { status }),
    ...detailParams(filter),
    ...(window !== 'any' && { window }),
    ...(isCustom && from !== '' && { from }),
    ...(isCustom && to !== '' && { to }),
  };
}

/** Whether the same filter covers other orders as time passes, as "Last hour" does. */
export function isMoving({ window }: OrderFilter): boolean {
  return window !== 'any' && window !== 'custom';
}

/** Whether anything narrows the list down. */
export function isFiltered(filter: OrderFilter): boolean {
  return Object.keys(filterParams(filter)).length > 0;
}

interface Bounds {
  placed_from?: string;
  placed_to?: string;
}

function since(instant: Date): Bounds {
  return { placed_from: instant.toISOString() };
}

function boundsOf({ window, from, to }: OrderFilter, zone: string, now: Date): Bounds {
  switch (window) {
    case 'any':
      return {};
    case 'hour':
      return since(new Date(now.getTime() - HOUR_MS));
    case 'day':
      return since(new Date(now.getTime() - 24 * HOUR_MS));
    case 'today':
      return since(startOfDay(0, zone, now));
    case 'yesterday':
      return {
        placed_from: startOfDay(1, zone, now).toISOString(),
        placed_to: startOfDay(0, zone, now).toISOString(),
      };
    case 'week':
      return since(new Date(now.getTime() - DAYS_OF_WEEK * 24 * HOUR_MS));
    case 'custom':
      return {
        ...(from !== '' && { placed_from: from }),
        ...(to !== '' && { placed_to: to }),
      };
  }
}

/** The filter as the API takes it. */
export function toQuery(filter: OrderFilter, zone: string, now = new Date()): OrderQuery & { q?: string } {
  return {
    ...(filter.q !== '' && { q: filter.q }),
    ...(filter.status !== null && { status: filter.status }),
    ...detailParams(filter),
    ...boundsOf(filter, zone, now),
  };
}
