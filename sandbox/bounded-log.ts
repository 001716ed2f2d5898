/** What every entry of a log carries. */
export interface Numbered {
  /** From 1, without gaps, never used twice within one log. */
  readonly sequence: number;
}

/** A part of a log, oldest first. */
export interface LogPage<T> {
  readonly entries: T[];
  /** Entries ever appended, those dropped included. */
  readonly total: number;
  /** Entries that the limit has pushed out: the oldest ones. */
  readonly dropped: number;
  /** What to pass as `after` for the next part, or null when this is the last one. */
  readonly next_after: number | null;
}

/** An append-only list that forgets its oldest entries once it holds `limit` of them. Appending takes constant time. */
export class BoundedLog<T extends Numbered> {
  #entries: T[] = [];
  #total = 0;
  readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** The sequence number that the next entry has to carry. */
  get nextSequence(): number {
    return this.#total + 1;
  }

  /** Entries ever appended since the start or the last `clear`. */
  get total(): number {
    return this.#total;
  }

  append(entry: T): T {
    // The slot follows from the sequence number, so the array never has to be shifted.
    this.#entries[this.#total % this.limit] = entry;
    this.#total += 1;
    return entry;
  }

  /** All entries that are still held, oldest first. */
  all(): T[] {
    return this.page(0, this.limit).entries;
  }

  /** The entries with a sequence number above `after`, at most `limit` of them. */
  page(after: number, limit: number): LogPage<T> {
    const dropped = Math.max(0, this.#total - this.limit);
    const from = Math.max(after, dropped);
    const to = Math.min(this.#total, from + limit);
    const entries: T[] = [];
    for (let index = from; index < to; index += 1) {
      const entry = this.#entries[index % this.limit];
      if (entry) entries.push(entry);
    }
    return { entries, total: this.#total, dropped, next_after: to < this.#total ? to : null };
  }

  clear(): void {
    this.#entries = [];
    this.#total = 0;
  }
}

/**
 * A map that keeps at least the `limit` entries added last and at most twice as many.
 *
 * It has two generations, because deleting the oldest entry of a large `Map` one by one is slow: the engine walks
 * over all slots deleted before.
 */
export class BoundedMap<V> {
  #current = new Map<string, V>();
  #previous = new Map<string, V>();
  readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  get(key: string): V | undefined {
    return this.#current.get(key) ?? this.#previous.get(key);
  }

  has(key: string): boolean {
    return this.#current.has(key) || this.#previous.has(key);
  }

  set(key: string, value: V): void {
    if (this.#current.size >= this.limit) {
      this.#previous = this.#current;
      this.#current = new Map();
    }
    this.#current.set(key, value);
  }

  /** The entries added last, at most `count`, oldest first. */
  latest(count: number): [string, V][] {
    const current = [...this.#current];
    const missing = count - current.length;
    if (missing <= 0) return current.slice(-count);
    return [...[...this.#previous].slice(-missing), ...current];
  }

  clear(): void {
    this.#current = new Map();
    this.#previous = new Map();
  }
}
