/** Rings at the earliest of the times that it was set to, for one who waits for it. By the monotonic clock. */
export class Alarm {
  private at = Infinity;
  private timer: NodeJS.Timeout | undefined;
  private rung: (() => void) | undefined;

  /** Sets it to a time, if it would not ring earlier anyway. */
  ringIn(milliseconds: number): void {
    const at = performance.now() + milliseconds;
    if (at >= this.at) return;
    this.at = at;
    if (this.rung) this.wind(this.rung);
  }

  /** @returns when it rings; then it is set to no time */
  async ring(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.rung = resolve;
      if (this.at < Infinity) this.wind(resolve);
    });
    this.rung = undefined;
    this.at = Infinity;
  }

  private wind(ring: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(ring, Math.max(0, this.at - performance.now()));
  }
}
