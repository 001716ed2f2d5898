import { expect } from '@jest/globals';
import { callsTo, countRows } from './builders.js';
import { countOpenTasks } from './invariants.js';
import { eventually, type TestService } from './service.js';

let rowsBefore: Record<string, number> = {};

/** Before a test: records the state, after the notifications of earlier tests have been sent. */
export async function beginUntraced({ database, sandbox }: TestService): Promise<void> {
  await eventually(async () => (await countOpenTasks(database.url)) === 0);
  rowsBefore = await countRows(database);
  for (const upstream of Object.values(sandbox.services)) upstream.calls.clear();
}

/** Expects that an invalid request stored no rows and caused no upstream call. */
export async function expectNoTrace({ database, sandbox }: TestService): Promise<void> {
  expect(await countRows(database)).toEqual(rowsBefore);
  expect(callsTo(sandbox)).toEqual([]);
}
