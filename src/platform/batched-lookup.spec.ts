import { describe, expect, it } from '@jest/globals';
import { BatchedLookup } from './batched-lookup.js';

/** Remembers what it was asked, and answers when it is told to. */
class Source {
  readonly asked: (readonly number[])[] = [];
  private readonly answers: (() => void)[] = [];

  readonly lookUp = (keys: readonly number[]): Promise<(string | undefined)[]> => {
    this.asked.push(keys);
    return new Promise((resolve, reject) => {
      this.answers.push(() =>
        keys.includes(13)
          ? reject(new Error('13'))
          : resolve(keys.map((key) => (key > 0 ? `#${key}` : undefined))),
      );
    });
  };

  /** Answers the oldest call that was not answered yet. */
  answer(): void {
    const next = this.answers.shift();
    if (!next) throw new Error('nothing was asked');
    next();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('things that are looked up', () => {
  it('at the same time are looked up together, and each goes to whoever asked for it', async () => {
    const source = new Source();
    const lookup = new BatchedLookup(source.lookUp, 10, 1);
    const found = Promise.all([3, 0, 5, 3].map((key) => lookup.find(key)));
    await turn();
    expect(source.asked).toEqual([[3, 0, 5, 3]]);
    source.answer();
    expect(await found).toEqual(['#3', undefined, '#5', '#3']);
  });

  it('beyond the bounds wait for their turn, in which those that came meanwhile go along', async () => {
    const source = new Source();
    const lookup = new BatchedLookup(source.lookUp, 2, 2);
    const found = Promise.all([1, 2, 3, 4, 5].map((key) => lookup.find(key)));
    await turn();
    await turn();
    expect(source.asked).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const late = lookup.find(6);
    await turn();
    expect(source.asked).toHaveLength(2);
    source.answer();
    await turn();
    await turn();
    expect(source.asked.at(-1)).toEqual([5, 6]);
    source.answer();
    source.answer();
    expect([...(await found), await late]).toEqual(['#1', '#2', '#3', '#4', '#5', '#6']);
  });

  it('are never answered with what was found before they were asked for', async () => {
    const source = new Source();
    const lookup = new BatchedLookup(source.lookUp, 10, 2);
    const first = lookup.find(1);
    await turn();
    const second = lookup.find(1);
    await turn();
    expect(source.asked).toEqual([[1], [1]]);
    source.answer();
    source.answer();
    expect([await first, await second]).toEqual(['#1', '#1']);
  });

  it('fail with those of the same call only, and the next are looked up as ever', async () => {
    const source = new Source();
    const lookup = new BatchedLookup(source.lookUp, 2, 1);
    const results = Promise.allSettled([13, 1, 2].map((key) => lookup.find(key)));
    await turn();
    source.answer();
    await turn();
    await turn();
    source.answer();
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  });
});
