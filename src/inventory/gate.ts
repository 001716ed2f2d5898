import type { Deadline } from '../platform/deadline.js';

/** The deadline passed before there was room. */
export class GateTimeout extends Error {
  constructor() {
    super('no room before the deadline');
    this.name = 'GateTimeout';
  }
}

/** Lets a fixed number of callers in at a time; the others wait in the order in which they came. */
export class Gate {
  private readonly waiting = new Set<() => void>();

  constructor(private free: number) {}

  /** True when nobody is inside or waiting, given how many the gate was made for. */
  isIdle(places: number): boolean {
    return this.free === places && this.waiting.size === 0;
  }

  /**
   * @returns what the caller has to call, once, when leaving
   * @throws {GateTimeout} when the deadline passes first
   */
  async enter(deadline: Deadline): Promise<() => void> {
    if (this.free > 0) {
      this.free -= 1;
      return () => this.leave();
    }
    await new Promise<void>((resolve, reject) => {
      const admit = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.delete(admit);
        reject(new GateTimeout());
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
