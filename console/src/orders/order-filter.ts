import type { OrderQuery, OrderStatus } from '../api/types.ts';
import { ORDER_STATUS_NAMES } from '../../../src/orders/order-status.ts';
import { instantOf, startOfDay } from '../time/zone.ts';

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

/** What the list of orders is asked for, as it stands in the address bar. */
export interface OrderFilter {
  q: string;
  status: OrderStatus | null;
  window: Window;
  /** Of a custom window, as a clock in the viewer's zone shows it: `2026-01-31T12:00`; empty for no bound. */
  from: string;
  to: string;
}

const HOUR_MS = 3_600_000;
const DAYS_OF_WEEK = 7;
const WALL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/;

/** Reads the filter out of an address; what nobody can have meant is left out. */
export function readFilter(params: URLSearchParams): OrderFilter {
  const status = params.get('status') ?? '';
  const window = params.get('window') ?? 'any';
  const time = (name: string): string => {
    const text = params.get(name) ?? '';
    return WALL_TIME.test(text) ? text : '';
  };
  return {
    q: params.get('q') ?? '',
    status: ORDER_STATUS_NAMES.find((name) => name === status) ?? null,
    window: Object.hasOwn(WINDOWS, window) ? (window as Window) : 'any',
    from: time('from'),
    to: time('to'),
  };
}

/** What of an address is about the filter: only what narrows the list down. */
export function filterParams(filter: OrderFilter): Record<string, string> {
  const { q, status, window, from, to } = filter;
  const isCustom = window === 'custom';
  return {
    ...(q !== '' && { q }),
    ...(status !== null && { status }),
    ...(window !== 'any' && { window }),
    ...(isCustom && from !== '' && { from }),
    ...(isCustom && to !== '' && { to }),
  };
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
        ...(from !== '' && { placed_from: instantOf(from, zone).toISOString() }),
        ...(to !== '' && { placed_to: instantOf(to, zone).toISOString() }),
      };
  }
}

/** The filter as the API takes it. */
export function toQuery(filter: OrderFilter, zone: string, now = new Date()): OrderQuery & { q?: string } {
  return {
    ...(filter.q !== '' && { q: filter.q }),
    ...(filter.status !== null && { status: filter.status }),
    ...boundsOf(filter, zone, now),
  };
}
