import { describe, expect, it } from '@jest/globals';
import { Batcher, type Entry } from './batcher.js';

/** Records the requests, and answers on demand. */
class Source {
  readonly asked: (readonly number[])[] = [];
  private readonly answers: (() => void)[] = [];

  readonly work = (entries: readonly Entry<number, string | undefined>[]): Promise<void> => {
    const keys = entries.map(({ item }) => item);
    this.asked.push(keys);
    return new Promise((done, fail) => {
      this.answers.push(() => {
        if (keys.includes(13)) return fail(new Error('13'));
        for (const entry of entries) tell(entry);
        done();
      });
    });
  };

  /** Answers the oldest call that was not answered yet. */
  answer(): void {
    const next = this.answers.shift();
    if (!next) throw new Error('nothing was asked');
    next();
  }
}

function tell({ item: key, resolve, reject }: Entry<number, string | undefined>): void {
  if (key < 0) reject(new Error(String(key)));
  else resolve(key > 0 ? `#${key}` : undefined);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('an item', () => {
  it('shares a batch with concurrent ones, and gets its own result', async () => {
    const source = new Source();
    const batcher = new Batcher(source.work, 10, 1);
    const found = Promise.all([3, 0, 5, 3].map((key) => batcher.add(key)));
    await turn();
    expect(source.asked).toEqual([[3, 0, 5, 3]]);
    source.answer();
    expect(await found).toEqual(['#3', undefined, '#5', '#3']);
  });

  it('beyond the bounds waits for the next batch, along with later items', async () => {
    const source = new Source();
    const batcher = new Batcher(source.work, 2, 2);
    const found = Promise.all([1, 2, 3, 4, 5].map((key) => batcher.add(key)));
    await turn();
    await turn();
    expect(source.asked).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const late = batcher.add(6);
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

  it('is never answered with what was found before it was asked for', async () => {
    const source = new Source();
    const batcher = new Batcher(source.work, 10, 2);
    const first = batcher.add(1);
    await turn();
    const second = batcher.add(1);
    await turn();
    expect(source.asked).toEqual([[1], [1]]);
    source.answer();
    source.answer();
    expect([await first, await second]).toEqual(['#1', '#1']);
  });

  it('fails with the others of its batch when that fails, and the next are done as ever', async () => {
    const source = new Source();
    const batcher = new Batcher(source.work, 2, 1);
    const results = Promise.allSettled([13, 1, 2].map((key) => batcher.add(key)));
    await turn();
    source.answer();
    await turn();
    await turn();
    source.answer();
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  });

  it('fails alone when nothing but its own part has failed', async () => {
    const source = new Source();
    const batcher = new Batcher(source.work, 10, 1);
    const results = Promise.allSettled([1, -2, 3].map((key) => batcher.add(key)));
    await turn();
    source.answer();
    expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});
