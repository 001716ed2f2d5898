/** The longest delay that a timer can have. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface End {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly timer: NodeJS.Timeout;
}

/** When reservations end by themselves. Those that are held until they are released have no end. */
export class ReservationEnds {
  readonly #ends = new Map<string, End>();
  private readonly expire: (id: string) => void;
  private readonly maxLifetimeMs: number;

  /**
   * @param maxLifetimeMs how long a reservation is held after a call about it, at most; Infinity is no limit
   * @param expire called when a reservation has ended
   */
  constructor(maxLifetimeMs: number, expire: (id: string) => void) {
    this.maxLifetimeMs = maxLifetimeMs;
    this.expire = expire;
  }

  /** Milliseconds since 1970; null for a reservation that is held until it is released. */
  find(id: string): number | null {
    return this.#ends.get(id)?.at ?? null;
  }

  /** Sets the end of a new reservation. @param until null: held until it is released */
  set(id: string, until: number | null): void {
    this.#arm(id, this.#within(until));
  }

  /** Moves an end to a later time, never to an earlier one. */
  extend(id: string, until: number | null): void {
    const before = this.find(id);
    if (before !== null) this.#arm(id, Math.max(before, this.#within(until)));
  }

  clear(id: string): void {
    clearTimeout(this.#ends.get(id)?.timer);
    this.#ends.delete(id);
  }

  clearAll(): void {
    for (const id of this.#ends.keys()) this.clear(id);
  }

  #within(until: number | null): number {
    return Math.min(until ?? Infinity, Date.now() + this.maxLifetimeMs);
  }

  #arm(id: string, at: number): void {
    this.clear(id);
    if (at === Infinity) return;
    const timer = setTimeout(() => this.#check(id, at), Math.min(at - Date.now(), MAX_TIMER_MS));
    // An end does not keep the process alive.
    timer.unref();
    this.#ends.set(id, { at, timer });
  }

  #check(id: string, at: number): void {
    if (Date.now() < at) return this.#arm(id, at);
    this.#ends.delete(id);
    return this.expire(id);
  }
}
