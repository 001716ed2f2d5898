import { Counter } from 'prom-client';
import { networkOf, ONE_CUSTOMER, type PrefixLength } from './networks.js';

/** The answer of a store: the number of requests, and the milliseconds left of the window. */
type Answer = (error: Error | null, result: { current: number; ttl: number }) => void;

/** A minute: the window of every limit. */
export const WINDOW_MS = 60_000;

/** Networks of each size that are counted within one window, at some 100 bytes each. */
export const MAX_NETWORKS = 50_000;

/** Authenticated callers that are counted within one window: these at least, and at most twice as many. */
export const MAX_CALLERS = 50_000;

/**
 * The sizes of networks that addresses are counted by. A larger size is used when the table of the smaller one is full: a
 * site has a /48 of IPv6 (RFC 6177) and a provider a /32, so that a flood from one of them leaves the others alone.
 */
const SIZES: readonly PrefixLength[] = [ONE_CUSTOMER, { ipv6: 48, ipv4: 24 }, { ipv6: 32, ipv4: 16 }];

const full = new Counter({
  name: 'rate_limit_table_full_total',
  help: 'How often a table of the rate limit was full: a request was counted by a larger network (addresses), or half of the callers were forgotten (callers).',
  labelNames: ['table'] as const,
});
full.inc({ table: 'addresses' }, 0);
full.inc({ table: 'callers' }, 0);

/**
 * Counts requests in this process. All windows of a store begin at the same time, so that a new one forgets everything at
 * once, without timers. Time is read from the monotonic clock, because a window must not last for hours after the other
 * clock was set back.
 */
abstract class WindowStore {
  private endsAt = 0;

  incr(key: string, done: Answer): void {
    const now = performance.now();
    if (now >= this.endsAt) {
      this.clear();
      this.endsAt = now + WINDOW_MS;
    }
    done(null, { current: this.count(key), ttl: this.endsAt - now });
  }

  abstract child(): WindowStore;

  /** @returns the requests of this window, with this one */
  protected abstract count(key: string): number;

  protected abstract clear(): void;
}

/** Counts requests by the address of the client. One client can have many addresses. */
export class AddressStore extends WindowStore {
  private tables = emptyTables();
  /** Requests for which every table was full. */
  private others = 0;

  /** The number of networks in all tables. */
  get size(): number {
    return this.tables.reduce((sum, { counts }) => sum + counts.size, 0);
  }

  /** The library asks for it where a limiter has a key of its own, which here are authenticated callers. */
  override child(): CallerStore {
    return new CallerStore();
  }

  protected override count(address: string): number {
    for (const { size, counts } of this.tables) {
      const network = networkOf(address, size);
      const before = counts.get(network);
      if (before === undefined && counts.size >= MAX_NETWORKS) continue;
      const current = (before ?? 0) + 1;
      counts.set(network, current);
      if (size !== ONE_CUSTOMER) full.inc({ table: 'addresses' });
      return current;
    }
    full.inc({ table: 'addresses' });
    this.others += 1;
    return this.others;
  }

  protected override clear(): void {
    this.tables = emptyTables();
    this.others = 0;
  }
}

function emptyTables(): { size: PrefixLength; counts: Map<string, number> }[] {
  return SIZES.map((size) => ({ size, counts: new Map() }));
}

/**
 * Counts requests of authenticated callers. When the table is full it forgets those that were seen least recently, so that
 * no caller is refused for the number of others.
 */
export class CallerStore extends WindowStore {
  private recent = new Map<string, number>();
  /** The previous generation. Two generations make an LRU cache with constant-time steps. */
  private older = new Map<string, number>();

  get size(): number {
    return this.recent.size + this.older.size;
  }

  override child(): CallerStore {
    return new CallerStore();
  }

  protected override count(caller: string): number {
    const before = this.recent.get(caller) ?? this.older.get(caller) ?? 0;
    if (this.recent.size >= MAX_CALLERS && !this.recent.has(caller)) {
      if (this.older.size > 0) full.inc({ table: 'callers' });
      this.older = this.recent;
      this.recent = new Map();
    }
    this.recent.set(caller, before + 1);
    return before + 1;
  }

  protected override clear(): void {
    this.recent = new Map();
    this.older = new Map();
  }
}
