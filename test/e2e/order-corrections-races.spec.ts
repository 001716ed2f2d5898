import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  expectProblem,
  isReplay,
  line,
  newProduct,
  orderBody,
  placeOrder,
  startFleet,
  type TestFleet,
} from '../support/builders.js';
import { getOrder, listEvents, setStatus } from '../support/client.js';
import { correctionsOf, correctOrder, sendPatch } from '../support/corrections.js';
import type { TestService } from '../support/service.js';

let fleet: TestFleet;
let service: TestService;
let other: TestService;

beforeAll(async () => {
  fleet = await startFleet(2);
  [service, other] = fleet.services as [TestService, TestService];
});
afterAll(() => fleet.stop());

const place = (): Promise<string> => placeOrder(service, orderBody([line(newProduct(fleet.sandbox))]));

/** Half of the requests reach each instance. */
const instanceOf = (request: number): TestService => (request % 2 === 0 ? service : other);

describe('concurrent corrections', () => {
  const KEYS = Array.from({ length: 20 }, (_, n) => `k${n}`);
  const all = (id: string, headers: Record<string, string>) =>
    Promise.all(KEYS.map((key, n) => sendPatch(instanceOf(n), id, { metadata: { [key]: n } }, headers)));

  it('of one version: exactly one succeeds, the others return 412 with the current version', async () => {
    const id = await place();
    const answers = await all(id, { 'if-match': '"2"' });
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const refused = answers.filter(({ status }) => status === 412);
    expect(refused.map(({ body }) => body.current_version)).toEqual(Array.from({ length: 19 }, () => 3));
    expect(Object.keys((await getOrder(service, id)).metadata)).toHaveLength(1);
    expect(await correctionsOf(service, id)).toHaveLength(1);
  });

  it('without If-Match are all applied, each to the newest version', async () => {
    const id = await place();
    const answers = await all(id, {});
    expect(answers.map(({ status }) => status)).toEqual(KEYS.map(() => 200));
    expect(new Set(answers.map(({ body }) => body.version)).size).toBe(20);
    const order = await getOrder(service, id);
    expect(order).toMatchObject({
      version: 22,
      metadata: Object.fromEntries(KEYS.map((key, n) => [key, n])),
    });
    expect((await listEvents(service, id)).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 22 }, (_, n) => n + 1),
    );
  });

  it('and changes of status lose nothing of each other', async () => {
    const id = await place();
    const [answer] = await Promise.all([
      sendPatch(service, id, { note: 'a' }),
      setStatus(other, id, 'processing'),
    ]);
    expect(answer.status).toBe(200);
    expect(await getOrder(service, id)).toMatchObject({ status: 'processing', note: 'a', version: 4 });
  });

  it('with one key correct the order once', async () => {
    const id = await place();
    const headers = { 'idempotency-key': `race-${id}` };
    const answers = await Promise.all(
      KEYS.map((_, n) => sendPatch(instanceOf(n), id, { note: 'a' }, headers)),
    );
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.version}`))).toEqual(
      new Set(['200 3']),
    );
    expect(await correctionsOf(service, id)).toHaveLength(1);
  });
});

describe('an Idempotency-Key', () => {
  it('corrects once: a retry returns the order as it is then', async () => {
    const id = await place();
    const headers = { 'idempotency-key': `once-${id}`, 'if-match': '"2"' };
    expect(isReplay(await correctOrder(service, id, { note: 'first' }, headers))).toBe(false);
    await correctOrder(service, id, { note: 'second' });
    const replay = await correctOrder(service, id, { note: 'first' }, headers);
    expect([isReplay(replay), replay.body.note, replay.headers.get('etag')]).toEqual([true, 'second', '"4"']);
    expect(await correctionsOf(service, id)).toHaveLength(2);
  });

  it('is remembered where nothing changed', async () => {
    const id = await place();
    const headers = { 'idempotency-key': `nothing-${id}` };
    await correctOrder(service, id, { note: null }, headers);
    await correctOrder(service, id, { note: 'later' });
    const replay = await correctOrder(service, id, { note: null }, headers);
    expect([isReplay(replay), replay.body.note]).toEqual([true, 'later']);
  });

  it('returns 422 for another patch, another order and another version', async () => {
    const [id, another] = [await place(), await place()];
    const headers = { 'idempotency-key': `reused-${id}` };
    await correctOrder(service, id, { note: 'a' }, headers);
    expectProblem(await sendPatch(service, id, { note: 'b' }, headers), 422);
    expectProblem(await sendPatch(service, id, { note: null }, headers), 422);
    expectProblem(await sendPatch(service, another, { note: 'a' }, headers), 422);
    expectProblem(await sendPatch(service, id, { note: 'a' }, { ...headers, 'if-match': '"3"' }), 422);
  });

  it('is free again after a refusal', async () => {
    const id = await place();
    const headers = { 'idempotency-key': `free-${id}`, 'if-match': '"3"' };
    expectProblem(await sendPatch(service, id, { note: 'a' }, headers), 412);
    await correctOrder(service, id, { note: 'b' });
    expect(isReplay(await correctOrder(service, id, { note: 'a' }, headers))).toBe(false);
  });
});
