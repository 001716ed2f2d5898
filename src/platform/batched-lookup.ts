/** Somebody who waits for what a key stands for. */
interface Asked<Key, Value> {
  key: Key;
  resolve: (value: Value | undefined) => void;
  reject: (error: unknown) => void;
}

/**
 * Looks up together what is asked for at the same time: whatever arrives while the event loop is busy with other
 * requests goes in one call, and as soon as `maxCalls` are under way the others wait for the next to end. Every look-up
 * begins after it was asked for, so nobody gets to see what was true before that.
 */
export class BatchedLookup<Key, Value> {
  private waiting: Asked<Key, Value>[] = [];
  private isScheduled = false;
  private calls = 0;

  /**
   * @param lookUp finds what the keys stand for, in their order; undefined where there is nothing
   * @param maxKeys of one call
   * @param maxCalls at a time
   */
  constructor(
    private readonly lookUp: (keys: readonly Key[]) => Promise<(Value | undefined)[]>,
    private readonly maxKeys: number,
    private readonly maxCalls: number,
  ) {}

  find(key: Key): Promise<Value | undefined> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ key, resolve, reject });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.isScheduled || this.calls === this.maxCalls || this.waiting.length === 0) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      void this.next();
      this.schedule();
    });
  }

  private async next(): Promise<void> {
    const asked = this.waiting.splice(0, this.maxKeys);
    this.calls += 1;
    try {
      const values = await this.lookUp(asked.map(({ key }) => key));
      for (const [at, { resolve }] of asked.entries()) resolve(values[at]);
    } catch (error) {
      for (const { reject } of asked) reject(error);
    } finally {
      this.calls -= 1;
      this.schedule();
    }
  }
}
