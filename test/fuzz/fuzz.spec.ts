import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { operations } from '../support/contract/document.js';
import { SERVER_VARIABLE } from '../support/database.js';
import { BUDGETS } from './budget/budgets.js';
import { Fuzzing, type FuzzResult } from './campaign.js';
import type { FuzzOptions } from './options.js';
import { sampleRequests } from './requests.js';
import { World } from './world.js';

/** The same requests on every machine; `npm run fuzz` sends others, and more of them. */
const SEED = 20_261_121;
const REQUESTS = 4_000;

const TIMEOUT_MS = 300_000;

let world: World;
let result: FuzzResult;

beforeAll(async () => {
  const databaseUrl = process.env[SERVER_VARIABLE];
  const options: FuzzOptions = { seed: SEED, requests: REQUESTS, clients: 8, dist: 'dist', databaseUrl };
  world = await World.start(options);
  result = await new Fuzzing(world, options, () => undefined).run();
}, TIMEOUT_MS);

afterAll(() => world.close());

/** The statuses with which an operation has answered. */
const statusesOf = (operation: string): string[] => [...(result.answers.get(operation)?.keys() ?? [])];

describe(`${REQUESTS} requests that are made from the document`, () => {
  it('are answered as the document says, in time, and never with a 5xx', () => {
    expect(result.findings).toEqual([]);
    expect(result.requests).toBe(REQUESTS);
  });

  it('are for every operation', () => {
    const answered = [...result.answers].filter(([, counts]) => counts.size > 0).map(([name]) => name);
    expect(answered).toEqual(expect.arrayContaining(operations.map(({ operationId }) => operationId)));
  });

  it('place orders, replay them and change them, as well as being refused', () => {
    expect(statusesOf('placeOrder')).toEqual(expect.arrayContaining(['201', '202', '400', '415', '422']));
    // So few bodies are too large that any operation may get them.
    expect([...result.answers.values()].flatMap((counts) => [...counts.keys()])).toContain('413');
    expect(statusesOf('updateOrderStatus')).toEqual(
      expect.arrayContaining(['200', '400', '404', '409', '412']),
    );
    expect(statusesOf('getOrder')).toEqual(expect.arrayContaining(['200', '404']));
  });

  it('leave nothing in the log of errors', () => {
    expect(world.log()).toBe('');
  });

  it('are each within the budget of their operation', () => {
    expect(result.costs.map(({ operation }) => operation)).toEqual(
      expect.arrayContaining(Object.keys(BUDGETS)),
    );
  });

  it('are the same again for the same seed, and others for another', () => {
    expect(sampleRequests(SEED, 20)).toEqual(sampleRequests(SEED, 20));
    expect(sampleRequests(SEED + 1, 20)).not.toEqual(sampleRequests(SEED, 20));
  });
});
