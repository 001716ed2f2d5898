import type { Deadline } from './deadline.js';

/** There was no room, not even to wait, or none became free in time. */
export class NoRoom extends Error {
  constructor() {
    super('no room');
    this.name = 'NoRoom';
  }
}

/** Lets a fixed number of callers in at a time; the others wait in the order in which they came. */
export class Gate {
  private readonly waiting = new Set<() => void>();

  /** @param mayWait how many may wait at a time; by default as many as come */
  constructor(
    private free: number,
    private readonly mayWait = Infinity,
  ) {}

  /** True when nobody is inside or waiting, given how many the gate was made for. */
  isIdle(places: number): boolean {
    return this.free === places && this.waiting.size === 0;
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
    const [next] = this.waiting;
    if (!next) {
      this.free += 1;
      return;
    }
    this.waiting.delete(next);
    next();
  }
}
