import type { OrderChange } from './order-changes.repository.js';
import { isBehind, ORIGIN, type StreamPosition } from './stream-position.js';

/** A client that missed more events than this reads a list faster than these. */
export const MAX_REPLAYED = 2_000;

/** Events are forgotten in batches of this many, as each time costs a copy of those that stay. */
const SLACK = MAX_REPLAYED;

/**
 * The latest events, in their order and without a gap, so that clients that reconnect cost the database nothing: each event
 * is read once per instance, and replayed from memory. At most 4,000 events of a few hundred bytes.
 */
export class RecentChanges {
  private changes: OrderChange[] = [];
  private reachesBack = false;

  /** @param start every later event will be added */
  constructor(private start: StreamPosition) {}

  /** All complete events after it are here. */
  get beginning(): StreamPosition {
    return this.start;
  }

  /** Whether the events before the beginning are too many, or none. */
  get isComplete(): boolean {
    return this.reachesBack || this.changes.length >= MAX_REPLAYED;
  }

  /** @param page the next events after the last one */
  add(page: readonly OrderChange[]): void {
    this.changes.push(...page);
    const surplus = this.changes.length - MAX_REPLAYED;
    if (surplus <= SLACK) return;
    this.start = this.changes[surplus - 1]?.position ?? this.start;
    this.changes = this.changes.slice(surplus);
  }

  /**
   * Adds the events before the beginning.
   *
   * @param older the last events of the transactions up to the beginning; all of them where they are fewer than the limit
   */
  prepend(older: readonly OrderChange[], limit: number): void {
    const { start } = this;
    const isAll = older.length < limit;
    this.start = isAll ? ORIGIN : (older[0]?.position ?? start);
    const missing = older.slice(isAll ? 0 : 1).filter(({ position }) => !isBehind(position, start));
    this.changes = [...missing, ...this.changes];
    this.reachesBack = true;
  }

  /** The position that a client has from this service; undefined if its event is not here. */
  find(id: string): StreamPosition | undefined {
    if (id === this.start.id) return this.start;
    return this.changes.find(({ position }) => position.id === id)?.position;
  }

  /** Events after a position; undefined where they are more than a client is sent at once. */
  after(position: StreamPosition): readonly OrderChange[] | undefined {
    if (isBehind(this.start, position)) return undefined;
    const from = this.indexAfter(position);
    return this.changes.length - from > MAX_REPLAYED ? undefined : this.changes.slice(from);
  }

  /** Binary search. */
  private indexAfter(position: StreamPosition): number {
    let low = 0;
    let high = this.changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const change = this.changes[middle];
      if (change && isBehind(change.position, position)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
