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

/** The statuses that an operation has returned. */
const statusesOf = (operation: string): string[] => [...(result.answers.get(operation)?.keys() ?? [])];

describe(`${REQUESTS} requests generated from the OpenAPI document`, () => {
  it('get responses that match the document, in time, and never a 5xx', () => {
    expect(result.findings).toEqual([]);
    expect(result.requests).toBe(REQUESTS);
  });

  it('cover every operation', () => {
    const answered = [...result.answers].filter(([, counts]) => counts.size > 0).map(([name]) => name);
    expect(answered).toEqual(expect.arrayContaining(operations.map(({ operationId }) => operationId)));
  });

  it('include accepted, replayed and rejected orders, status changes and corrections', () => {
    expect(statusesOf('placeOrder')).toEqual(expect.arrayContaining(['201', '202', '400', '415', '422']));
    // Bodies that are too large are rare, so any operation may have received them.
    expect([...result.answers.values()].flatMap((counts) => [...counts.keys()])).toContain('413');
    expect(statusesOf('updateOrderStatus')).toEqual(
      expect.arrayContaining(['200', '400', '404', '409', '412']),
    );
    expect(statusesOf('correctOrder')).toEqual(expect.arrayContaining(['200', '400', '404', '412']));
    expect(statusesOf('getOrder')).toEqual(expect.arrayContaining(['200', '404']));
  });

  it('leave the error log empty', () => {
    expect(world.log()).toBe('');
  });

  it('are within the budget of their operation', () => {
    expect(result.costs.map(({ operation }) => operation)).toEqual(
      expect.arrayContaining(Object.keys(BUDGETS)),
    );
  });

  it('are the same for the same seed, and different for another', () => {
    expect(sampleRequests(SEED, 20)).toEqual(sampleRequests(SEED, 20));
    expect(sampleRequests(SEED + 1, 20)).not.toEqual(sampleRequests(SEED, 20));
  });
});
