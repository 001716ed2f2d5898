import { expect } from '@jest/globals';
import { callsTo, countRows } from './builders.js';
import { countOpenTasks } from './invariants.js';
import { eventually, type TestService } from './service.js';

let rowsBefore: Record<string, number> = {};

/** Before a test: what there is now, and what is still told to customers of the tests before, is no trace of it. */
export async function beginUntraced({ database, sandbox }: TestService): Promise<void> {
  await eventually(async () => (await countOpenTasks(database.url)) === 0);
  rowsBefore = await countRows(database);
  for (const upstream of Object.values(sandbox.services)) upstream.calls.clear();
}

/** Whatever was wrong with a request: nothing of it is stored, and no other service ever hears of it. */
export async function expectNoTrace({ database, sandbox }: TestService): Promise<void> {
  expect(await countRows(database)).toEqual(rowsBefore);
  expect(callsTo(sandbox)).toEqual([]);
}
