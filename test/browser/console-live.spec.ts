import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { itInBrowser } from '../support/browser.js';
import { type Follower, follow } from '../support/event-stream.js';
import { TEST_MS, TestConsole } from './console.js';

let tested: TestConsole;

beforeAll(async () => {
  tested = await TestConsole.start();
}, TEST_MS);
afterAll(() => tested.stop());

/** Opens streams as the admin until the service rejects one. */
async function takeAllStreams(): Promise<Follower[]> {
  const open: Follower[] = [];
  for (;;) {
    const follower = await follow(tested.service, undefined, { 'x-api-key': tested.keyOf('admin') }).catch(
      () => undefined,
    );
    if (!follower) return open;
    open.push(follower);
  }
}

describe('console without a free stream', () => {
  itInBrowser(
    'shows that it is not live, polls, retries with growing delays, and reconnects when a stream is free',
    async () => {
      const taken = await takeAllStreams();
      const { page } = await tested.open('/orders', 'admin');
      const attempts: number[] = [];
      let lists = 0;
      page.on('request', (request) => {
        if (request.url().endsWith('/orders/stream')) attempts.push(performance.now());
        else if (/\/orders\?/.test(request.url())) lists += 1;
      });
      await page.getByText('Not live', { exact: true }).waitFor();
      await page.waitForTimeout(20_000);
      const pauses = attempts.slice(1).map((time, index) => time - (attempts[index] ?? 0));
      expect(attempts.length).toBeLessThanOrEqual(5);
      expect(pauses.at(-1)).toBeGreaterThan(pauses[0] ?? 0);
      expect(lists).toBeGreaterThan(0);
      expect(await page.getByText('Live', { exact: true }).count()).toBe(0);
      for (const follower of taken) follower.leave();
      await page.getByText('Live', { exact: true }).waitFor({ timeout: 40_000 });
      await page.context().close();
    },
    2 * TEST_MS,
  );
});
