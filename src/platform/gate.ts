import type { Deadline } from './deadline.js';

/** There was no room, not even to wait, or none became free in time. */
export class NoRoom extends Error {
  constructor() {
    super('no room');
    this.name = 'NoRoom';
  }
}

/** Lets only so many callers in at a time; the others wait in the order in which they came. */
export class Gate {
  private readonly waiting = new Set<() => void>();

  /** Negative when there are fewer places than callers inside. */
  private free: number;

  /** @param mayWait how many may wait at a time; by default as many as come */
  constructor(
    private places: number,
    private readonly mayWait = Infinity,
  ) {
    this.free = places;
  }

  /** Whether nobody who comes now would be let in, not even to wait. */
  get isFull(): boolean {
    return this.free <= 0 && this.waiting.size >= this.mayWait;
  }

  /** Whoever is inside stays, also where there are fewer places from now on. */
  resize(places: number): void {
    this.free += places - this.places;
    this.places = places;
    while (this.free > 0 && this.waiting.size > 0) this.admitNext();
  }

  /** True when nobody is inside or waiting. */
  get isIdle(): boolean {
    return this.free === this.places && this.waiting.size === 0;
  }

  /**
   * @returns what the caller has to call, once, when leaving
   * @throws {NoRoom} when too many wait already, or the deadline passes first
   */
  async enter(deadline: Deadline): Promise<() => void> {
    if (this.free > 0) {
      this.free -= 1;
      return () => this.leave();
    }
    if (this.waiting.size >= this.mayWait) throw new NoRoom();
    await new Promise<void>((resolve, reject) => {
      const admit = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.delete(admit);
        reject(new NoRoom());
      }, deadline.remaining());
      this.waiting.add(admit);
    });
    return () => this.leave();
  }

  /** Hands the place to whoever has waited longest. */
  private leave(): void {
    this.free += 1;
    if (this.free > 0) this.admitNext();
  }

  private admitNext(): void {
    const [next] = this.waiting;
    if (!next) return;
    this.waiting.delete(next);
    this.free -= 1;
    next();
  }
}
