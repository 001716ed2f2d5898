import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { format, resolveConfig } from 'prettier';
import { BUDGETS } from '../fuzz/budget/budgets.js';
import { operations } from '../support/contract/document.js';
import { renderLimits } from '../support/limits.js';

const FILE = fileURLToPath(new URL('../../docs/reference/limits.md', import.meta.url));

it('every operation has a budget, and every budget an operation', () => {
  expect(Object.keys(BUDGETS).toSorted()).toEqual(
    operations.map(({ operationId }) => operationId).toSorted(),
  );
});

it('docs/reference/limits.md equals the output of `npm run limits`', async () => {
  const text = await format(renderLimits(), { ...(await resolveConfig(FILE)), parser: 'markdown' });
  if (process.env['WRITE_LIMITS'] === 'true') {
    mkdirSync(dirname(FILE), { recursive: true });
    writeFileSync(FILE, text);
  }
  expect(existsSync(FILE) ? readFileSync(FILE, 'utf8') : '').toBe(text);
});
