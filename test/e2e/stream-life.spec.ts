import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OrderStream, type StreamTimes } from '../../src/orders/stream/order-stream.js';
import { placeOrder } from '../support/builders.js';
import { type Follower, follow } from '../support/event-stream.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

let service: TestService;
let usual: StreamTimes;

beforeAll(async () => {
  service = await startTestService();
  usual = service.app.get(OrderStream).times;
});
afterAll(() => service.stop());

/** Overrides the times of streams that are opened from now on. */
function setTimes(times: Partial<StreamTimes>): void {
  service.app.get(OrderStream).times = { ...usual, ...times };
}

/** The versions of an order that a follower received. */
const toldOf = (follower: Follower, id: string): number[] =>
  follower.changes().flatMap(({ order_id, version }) => (order_id === id ? [version] : []));

describe('order stream', () => {
  it('sends heartbeats often enough for proxies in between', () => {
    expect(usual).toEqual({ beatMs: 15_000, lifeMs: 300_000 });
  });

  it('sends its current position with each heartbeat', async () => {
    setTimes({ beatMs: 20 });
    const follower = await follow(service);
    await eventually(() => follower.blocks.length > 3);
    for (const block of follower.blocks) {
      expect(block).toEqual({
        event: undefined,
        id: expect.stringMatching(/^\d+(-[0-9a-f]{16})?$/),
        data: undefined,
      });
    }
    const known = await placeOrder(service);
    await eventually(() => toldOf(follower, known).length === 2 && !follower.blocks.at(-1)?.event);
    const place = follower.lastId();
    follower.leave();
    const missed = await placeOrder(service);
    const back = await follow(service, place);
    await eventually(() => toldOf(back, missed).length === 2);
    expect(toldOf(back, known)).toEqual([]);
    back.leave();
  });

  it('ends after its maximum age, so that access is checked again, and the client resumes without a gap', async () => {
    setTimes({ lifeMs: 20 });
    let follower = await follow(service);
    await eventually(() => follower.isEnded());
    const id = await placeOrder(service);
    const told: number[] = [];
    await eventually(async () => {
      follower = await follow(service, follower.lastId());
      await eventually(() => follower.isEnded());
      told.push(...toldOf(follower, id));
      return told.length >= 2;
    });
    expect(told).toEqual([1, 2]);
  });
});
