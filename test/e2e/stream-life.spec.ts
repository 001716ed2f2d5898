import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeApiKey } from '../../src/auth/api-key.js';
import { OrderStream } from '../../src/events/order-stream.js';
import { placeOrder } from '../support/builders.js';
import { apiKey, bearer, CUSTOMER, CUSTOMER_SCOPES } from '../support/callers.js';
import { type Follower, follow } from '../support/event-stream.js';
import { TestIssuer } from '../support/issuer.js';
import { eventually, startTestService, type TestService } from '../support/service.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

/** The versions of an order that a follower received. */
const toldOf = (follower: Follower, id: string): number[] =>
  follower.changes().flatMap(({ order_id, version }) => (order_id === id ? [version] : []));

describe('order stream', () => {
  it('sends heartbeats often enough for proxies in between', () => {
    expect(service.app.get(OrderStream).heartbeatMs).toBe(15_000);
  });

  it('sends its current position with each heartbeat', async () => {
    const stream = service.app.get(OrderStream);
    stream.heartbeatMs = 20;
    const follower = await follow(service);
    await eventually(() => follower.blocks.length > 3);
    for (const block of follower.blocks)
      expect(block).toEqual({ event: undefined, id: expect.stringMatching(/^\d+$/), data: undefined });
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
});

describe('order stream of a caller', () => {
  it('ends when its token has expired, and lasts as long as a token is valid', async () => {
    const issuer = await TestIssuer.start();
    const guarded = await startTestService({ settings: issuer.settings, beside: service });
    guarded.app.get(OrderStream).heartbeatMs = 100;
    const token = (expiresIn: number) => issuer.token(CUSTOMER, CUSTOMER_SCOPES, { expiresIn }).then(bearer);
    const lasting = await follow(guarded, undefined, await token(3_600));
    const brief = await follow(guarded, undefined, await token(3));
    expect(brief.isEnded()).toBe(false);
    await eventually(() => brief.isEnded());
    expect(lasting.isEnded()).toBe(false);
    lasting.leave();
    await guarded.stop();
    await issuer.close();
  });

  it('ends when its key is removed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'order-stream-keys-'));
    const file = join(folder, 'keys.json');
    const [kept, removed] = [
      makeApiKey('kept', ['orders:read:all']),
      makeApiKey('removed', ['orders:read:all']),
    ];
    await writeFile(file, JSON.stringify([kept.entry, removed.entry]));
    const settings = { AUTH: 'api-key', API_KEYS_FILE: file };
    const guarded = await startTestService({ settings, beside: service });
    guarded.app.get(OrderStream).heartbeatMs = 100;
    const [one, other] = [
      await follow(guarded, undefined, apiKey(kept.key)),
      await follow(guarded, undefined, apiKey(removed.key)),
    ];
    await writeFile(file, JSON.stringify([kept.entry]));
    await eventually(() => other.isEnded());
    expect(one.isEnded()).toBe(false);
    one.leave();
    await guarded.stop();
    await rm(folder, { recursive: true });
  });
});
