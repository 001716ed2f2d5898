import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { itInBrowser } from '../support/browser.js';
import { line, newProduct, orderBody, placeOrder } from '../support/builders.js';
import { getOrder, type WithApi } from '../support/client.js';
import { TestIssuer } from '../support/issuer.js';
import { startTestService, type TestService } from '../support/service.js';
import { CREDENTIAL, findBarriers, TEST_MS, TestConsole } from './console.js';

const SCOPES = 'orders:read orders:read:all orders:status';

let tested: TestConsole;
let colleague: WithApi;
let issuer: TestIssuer;
let guarded: TestService;
let product = '';

beforeAll(async () => {
  tested = await TestConsole.start();
  colleague = { api: tested.colleague };
  product = newProduct(tested.service.sandbox, 1_000_000);
  issuer = await TestIssuer.start();
  guarded = await startTestService({ settings: issuer.settings, beside: tested.service });
}, TEST_MS);
afterAll(async () => {
  await guarded.stop();
  await issuer.close();
  await tested.stop();
});

const place = (): Promise<string> => placeOrder(colleague, orderBody([line(product)]));

/** Opens a page with a token that is rejected as soon as `expire` is called. */
async function openWithToken(
  path: string,
  subject: string,
): Promise<{ page: Page; expire: () => Promise<unknown> }> {
  const { page } = await tested.open('/orders');
  const token = await issuer.token(subject, SCOPES);
  await page.evaluate(([name, text]) => sessionStorage.setItem(name, text), [CREDENTIAL, token] as const);
  await page.addInitScript(([name, text]) => sessionStorage.setItem(name, text), [
    CREDENTIAL,
    token,
  ] as const);
  await page.goto(`${guarded.url}/admin${path}`);
  const expired = await issuer.token(subject, SCOPES, { expiresIn: -1 });
  const expire = () =>
    page.route(
      (url) => url.pathname.startsWith('/orders'),
      (route) => {
        const headers = route.request().headers();
        const isOld = headers['authorization'] === `Bearer ${token}`;
        return route.continue(isOld ? { headers: { ...headers, authorization: `Bearer ${expired}` } } : {});
      },
    );
  return { page, expire };
}

async function signIn(page: Page, subject: string): Promise<void> {
  await page.getByLabel('API key or access token').fill(await issuer.token(subject, SCOPES));
  await page.getByRole('button', { name: 'Sign in' }).click();
}

describe('expired session', () => {
  itInBrowser(
    'keeps the open dialog and the typed reason until the same person has signed in again',
    async () => {
      const id = await place();
      const { page, expire } = await openWithToken(`/orders/${id}`, 'carol');
      await page.getByRole('button', { name: 'Mark as cancelled' }).click();
      await page.getByLabel('Reason').fill('A reason that took some thought');
      await expire();
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as cancelled' }).click();
      const again = page.getByRole('dialog', { name: 'Sign in again' });
      await again.waitFor();
      expect(await findBarriers(page)).toEqual([]);
      // The dialog shows the error, and the page behind it stays.
      await page.getByLabel('API key or access token').fill('nonsense');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await again.getByRole('alert').waitFor();
      await signIn(page, 'carol');
      await again.waitFor({ state: 'detached' });
      expect(await page.getByLabel('Reason').inputValue()).toBe('A reason that took some thought');
      await page.getByRole('dialog').getByText('Nothing was changed. Sign in if prompted').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as cancelled' }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect((await getOrder(colleague, id)).status).toBe('cancelled');
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'does not report a key as rejected when the service could not be reached',
    async () => {
      const id = await place();
      const { page, expire } = await openWithToken(`/orders/${id}`, 'carol');
      await page.getByRole('button', { name: 'Mark as shipped' }).click();
      await expire();
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as shipped' }).click();
      const again = page.getByRole('dialog', { name: 'Sign in again' });
      await again.waitFor();
      await page.context().setOffline(true);
      await signIn(page, 'carol');
      await again.getByText('You are offline').waitFor();
      expect(await again.getByText(/Sign-in failed|did not accept/).count()).toBe(0);
      await page.context().setOffline(false);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await again.waitFor({ state: 'detached' });
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'hides the dialog and the typed text from another person who signs in',
    async () => {
      const id = await place();
      const { page, expire } = await openWithToken(`/orders/${id}`, 'carol');
      await page.getByRole('button', { name: 'Mark as cancelled' }).click();
      await page.getByLabel('Reason').fill('For your eyes only');
      await expire();
      await page.getByRole('dialog').getByRole('button', { name: 'Mark as cancelled' }).click();
      await page.getByRole('dialog', { name: 'Sign in again' }).waitFor();
      await signIn(page, 'dave');
      await page.getByRole('dialog', { name: 'Sign in again' }).waitFor({ state: 'detached' });
      await page.getByText('dave').first().waitFor();
      expect(await page.getByText('For your eyes only').count()).toBe(0);
      await page.context().close();
    },
    TEST_MS,
  );
});
