/**
 * A moment by which something has to be finished, measured on the monotonic clock so that a jump of the wall clock
 * neither shortens nor prolongs it.
 */
export class Deadline {
  private constructor(private readonly endsAt: number) {}

  /** @param milliseconds from now */
  static in(milliseconds: number): Deadline {
    return new Deadline(performance.now() + milliseconds);
  }

  /** The same deadline, postponed. */
  plus(milliseconds: number): Deadline {
    return new Deadline(this.endsAt + milliseconds);
  }

  isBefore(other: Deadline): boolean {
    return this.endsAt < other.endsAt;
  }

  /** Milliseconds that are left; 0 once it has passed. */
  remaining(): number {
    return Math.max(0, this.endsAt - performance.now());
  }
}
