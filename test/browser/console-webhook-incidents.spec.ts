import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { itInBrowser } from '../support/browser.js';
import { line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { listIncidents, type WithApi } from '../support/client.js';
import { insertWebhookTasks } from '../support/webhook-rows.js';
import { insertEndpoint } from '../support/webhooks.js';
import { TEST_MS, TestConsole } from './console.js';

let tested: TestConsole;
let colleague: WithApi;

beforeAll(async () => {
  tested = await TestConsole.start();
  colleague = { api: tested.colleague };
}, TEST_MS);
afterAll(() => tested.stop());

const place = () => placeOrder(colleague, orderBody([line(newProduct(tested.service.sandbox))]));

describe('failed deliveries of webhooks in the console', () => {
  itInBrowser(
    'are skipped together for one endpoint, and not for another with the same cause',
    async () => {
      const { database } = tested.service;
      const one = await insertEndpoint(database, { state: 'disabled' });
      const other = await insertEndpoint(database, { state: 'disabled' });
      for (const orderId of [await place(), await place()]) {
        const failed = (endpointId: string) => ({ orderId, endpointId, seq: 1, state: 'dead' as const });
        await insertWebhookTasks(database, [failed(one), failed(other)]);
      }
      const { page, complaints } = await tested.open('/incidents', 'admin');
      const table = page.getByRole('table', { name: 'Same cause' });
      await table.getByText(`2 incidents of endpoint ${other}`).waitFor();
      await table.getByRole('button', { name: new RegExp(`^Skip all 2: .*${one}`) }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText(`Endpoint: ${one}`).waitFor();
      await dialog.getByLabel('Reason').fill('The shop has them');
      await dialog.getByRole('button', { name: 'Skip 2 incidents' }).click();
      await table.getByText(`2 incidents of endpoint ${one}`).waitFor({ state: 'detached' });
      await table.getByText(`2 incidents of endpoint ${other}`).waitFor();
      const { incidents } = await listIncidents(colleague, { kind: 'webhook_failed' });
      expect(incidents.map(({ endpoint_id: id }) => id)).toEqual([other, other]);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    TEST_MS,
  );
});
