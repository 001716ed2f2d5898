/** Lets one loop sleep until the earliest of the times at which it is wanted. By the monotonic clock. */
export class WakeUp {
  private at = Infinity;
  private timer: NodeJS.Timeout | undefined;
  private resolve: (() => void) | undefined;

  /** Wakes the loop after this many milliseconds, unless it wakes earlier. */
  in(milliseconds: number): void {
    const at = performance.now() + milliseconds;
    if (at >= this.at) return;
    this.at = at;
    if (this.resolve) this.startTimer(this.resolve);
  }

  /** @returns at the earliest time that was asked for since the last call */
  async sleep(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.resolve = resolve;
      if (this.at < Infinity) this.startTimer(resolve);
    });
    this.resolve = undefined;
    this.at = Infinity;
  }

  private startTimer(resolve: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(resolve, Math.max(0, this.at - performance.now()));
  }
}
