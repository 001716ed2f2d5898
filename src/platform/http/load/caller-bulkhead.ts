import type { Deadline } from '../../deadline.js';
import type { PermitHolder } from './permit-holder.js';

/** The part of all permits that one customer may hold: its own tabs and scripts need fewer. */
export const CUSTOMER_PART = 1 / 4;

/**
 * The share that any other caller may hold, such as the backend of a shop or the address of a proxy with `AUTH=none`,
 * which send most requests; and the share of all customers together. The rest is for other callers, so that staff
 * always gets in.
 */
export const MOST_PART = 7 / 8;

/** Why there is no permit: the caller has its share, or there are none left for callers of its kind. */
export type RefusalReason = 'caller_share' | 'full';

export class BulkheadFullError extends Error {
  constructor(readonly reason: RefusalReason) {
    super(`no permit: ${reason}`);
    this.name = 'BulkheadFullError';
  }
}

/** A part of the permits, but at least one: with few permits there is nothing to share. */
function shareOf(permits: number, part: number): number {
  return Math.max(1, Math.floor(permits * part));
}

/** How many of the permits one customer may hold, and how many any other caller, or all customers together. */
export function sharesOf(permits: number): { customer: number; most: number } {
  return { customer: shareOf(permits, CUSTOMER_PART), most: shareOf(permits, MOST_PART) };
}

/** Permits, by the callers that hold them. */
class Permits {
  private readonly byCaller = new Map<string, number>();
  private byCustomers = 0;
  private inUse = 0;

  constructor(public total: number) {}

  get used(): number {
    return this.inUse;
  }

  heldBy({ name }: PermitHolder): number {
    return this.byCaller.get(name) ?? 0;
  }

  /** @returns why the caller can not have one more; undefined when it can */
  refusalFor(holder: PermitHolder): RefusalReason | undefined {
    const { customer, most } = sharesOf(this.total);
    const held = this.heldBy(holder);
    if (holder.isCustomer && held >= customer) return 'caller_share';
    const usedByKind = holder.isCustomer ? this.byCustomers : held;
    return this.inUse >= this.total || usedByKind >= most ? 'full' : undefined;
  }

  take(holder: PermitHolder): void {
    this.add(holder, 1);
  }

  release(holder: PermitHolder): void {
    this.add(holder, -1);
  }

  private add(holder: PermitHolder, count: 1 | -1): void {
    const held = this.heldBy(holder) + count;
    if (held === 0) this.byCaller.delete(holder.name);
    else this.byCaller.set(holder.name, held);
    if (holder.isCustomer) this.byCustomers += count;
    this.inUse += count;
  }
}

interface Waiter {
  holder: PermitHolder;
  admit(): void;
}

/**
 * Limits the requests of a kind in progress, and the share of each caller, so that no caller can starve the others.
 * Requests may queue for a permit, with the same shares; the next permit goes to the waiting caller that holds the
 * fewest.
 */
export class CallerBulkhead {
  private readonly permits: Permits;
  private readonly queue: Permits;
  private readonly waiting = new Set<Waiter>();

  /** @param maxWaiting how many requests may wait at a time */
  constructor(permits: number, maxWaiting: number) {
    this.permits = new Permits(permits);
    this.queue = new Permits(maxWaiting);
  }

  get total(): number {
    return this.permits.total;
  }

  get inUse(): number {
    return this.permits.used;
  }

  /** Permits that are held stay, also where there are fewer from now on. */
  resize(permits: number): void {
    this.permits.total = permits;
    this.admitNext();
  }

  /** @returns why a request that comes now would be refused at once; undefined when it would not */
  refusalFor(holder: PermitHolder): RefusalReason | undefined {
    const refusal = this.permits.refusalFor(holder);
    return refusal !== undefined && this.queue.refusalFor(holder) !== undefined ? refusal : undefined;
  }

  /**
   * @returns how to give the permit back; further calls do nothing
   * @throws {BulkheadFullError} when there is none, also none to wait for, or the deadline passes first
   */
  async enter(holder: PermitHolder, deadline: Deadline): Promise<() => void> {
    const leave = this.tryEnter(holder);
    if (leave) return leave;
    const refusal = this.refusalFor(holder);
    if (refusal !== undefined) throw new BulkheadFullError(refusal);
    await this.wait(holder, deadline);
    return this.holdPermit(holder);
  }

  /** Takes a permit without waiting. @returns how to give it back, or undefined when there is none */
  tryEnter(holder: PermitHolder): (() => void) | undefined {
    if (this.permits.refusalFor(holder) !== undefined) return undefined;
    this.permits.take(holder);
    return this.holdPermit(holder);
  }

  private holdPermit(holder: PermitHolder): () => void {
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.permits.release(holder);
      this.admitNext();
    };
  }

  private async wait(holder: PermitHolder, deadline: Deadline): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const waiter: Waiter = { holder, admit: () => resolve(undefined) };
    const timer = setTimeout(
      () => reject(new BulkheadFullError(this.permits.refusalFor(holder) ?? 'full')),
      deadline.remaining(),
    );
    this.waiting.add(waiter);
    this.queue.take(holder);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      if (this.waiting.delete(waiter)) this.queue.release(holder);
    }
  }

  /** Admits waiting requests until none of their callers may have a permit. */
  private admitNext(): void {
    for (let next = this.findNext(); next; next = this.findNext()) {
      this.waiting.delete(next);
      this.queue.release(next.holder);
      this.permits.take(next.holder);
      next.admit();
    }
  }

  /** The request that has waited longest, of the callers with the fewest permits. */
  private findNext(): Waiter | undefined {
    let found: { waiter: Waiter; held: number } | undefined;
    for (const waiter of this.waiting) {
      const held = this.permits.heldBy(waiter.holder);
      if (found && held >= found.held) continue;
      if (this.permits.refusalFor(waiter.holder) !== undefined) continue;
      found = { waiter, held };
      if (held === 0) break;
    }
    return found?.waiter;
  }
}
