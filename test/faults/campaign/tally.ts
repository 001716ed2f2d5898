/** Counts injected faults by a readable name. */
export class Tally {
  private readonly counts = new Map<string, number>();

  add(name: string, count = 1): void {
    if (count > 0) this.counts.set(name, (this.counts.get(name) ?? 0) + count);
  }

  merge(counts: ReadonlyMap<string, number>): void {
    for (const [name, count] of counts) this.add(name, count);
  }

  /** The sum of all counts whose name has this prefix. */
  total(prefix = ''): number {
    return this.sorted()
      .filter(([name]) => name.startsWith(prefix))
      .reduce((sum, [, count]) => sum + count, 0);
  }

  sorted(): [string, number][] {
    return [...this.counts].toSorted(([one], [other]) => (one < other ? -1 : 1));
  }
}
