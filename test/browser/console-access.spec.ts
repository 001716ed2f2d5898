import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { itInBrowser } from '../support/browser.js';
import { placeOrder } from '../support/builders.js';
import { TestIssuer } from '../support/issuer.js';
import { startTestService } from '../support/service.js';
import { CREDENTIAL, TEST_MS, TestConsole } from './console.js';

const BUILT = fileURLToPath(new URL('../../dist/console/', import.meta.url));

/** What the whole console may weigh on its way to the browser. */
const MAX_COMPRESSED_BYTES = 300_000;

let tested: TestConsole;

beforeAll(async () => {
  tested = await TestConsole.start();
  await placeOrder({ api: tested.colleague });
}, TEST_MS);
afterAll(() => tested.stop());

function assets(): string[] {
  return readdirSync(`${BUILT}assets`).filter((name) => !/\.(br|gz)$/.test(name));
}

async function headersOf(path: string): Promise<Record<string, string>> {
  const { headers } = await fetch(`${tested.service.url}${path}`, { headers: { 'accept-encoding': 'br' } });
  return Object.fromEntries(headers);
}

describe('what is served at /admin', () => {
  it.each(['/admin', '/admin/', '/admin/orders/01a1ffe2-9b80-748a-ba30-787d85a2b441?window=day'])(
    '%s is the page, which is asked for each time and may load nothing from elsewhere, nor anything inline',
    async (path) => {
      const headers = await headersOf(path);
      expect(headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-cache',
        'content-encoding': 'br',
        etag: expect.any(String),
      });
      expect(headers['content-security-policy']).toBe(
        "default-src 'none';script-src 'self';style-src 'self';img-src 'self';connect-src 'self';base-uri 'none';" +
          "form-action 'none';frame-ancestors 'none';require-trusted-types-for 'script';trusted-types 'none'",
      );
    },
  );

  it('has no script or style of its own, and names no other host', async () => {
    const { body } = await tested.service.request('GET', '/admin');
    expect(body).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|https?:/);
  });

  it('has assets that are kept for a year', async () => {
    const names = assets();
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) {
      expect(await headersOf(`/admin/assets/${name}`)).toMatchObject({
        'cache-control': 'public, max-age=31536000, immutable',
        'content-encoding': 'br',
      });
    }
  });

  it.each(['/admin/assets/nothing.js', '/admin/nothing.js', '/admin/assets/%2e%2e/%2e%2e/package.json'])(
    '%s is nothing, and says so',
    async (path) => {
      const { status, body } = await tested.service.request('GET', path);
      expect([status, body.type]).toEqual([404, '/problems/not-found']);
    },
  );

  it(`weighs less than ${MAX_COMPRESSED_BYTES / 1_000} kB`, () => {
    const bytes = assets().reduce(
      (sum, name) => sum + readFileSync(`${BUILT}assets/${name}.gz`).byteLength,
      0,
    );
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(MAX_COMPRESSED_BYTES);
  });

  it('is not there where the setting says so', async () => {
    const without = await startTestService({ settings: { ADMIN_CONSOLE: 'false' }, beside: tested.service });
    const { status } = await without.request('GET', '/admin');
    await without.stop();
    expect(status).toBe(404);
  });
});

describe('whoever opens the console', () => {
  itInBrowser(
    'has to say who they are, and is told when it is not known',
    async () => {
      const { page } = await tested.open('/orders');
      await page.getByLabel('API key or access token').fill('osk_wrong');
      await page.keyboard.press('Enter');
      await page.getByText('Sign-in failed: The key is not known').waitFor();
      await page.getByLabel('API key or access token').fill(tested.keyOf('admin'));
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Orders' }).waitFor();
      await page.getByText('Alice Johnson').waitFor();
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'leaves nothing secret behind: not in the address, not in what outlives the tab',
    async () => {
      const { page } = await tested.open('/orders');
      const key = tested.keyOf('admin');
      await page.getByLabel('API key or access token').fill(key);
      await page.keyboard.press('Enter');
      await page.getByText('Alice Johnson').waitFor();
      const { cookies, origins } = await page.context().storageState();
      expect(JSON.stringify([cookies, origins, page.url()])).not.toContain(key);
      expect(await page.evaluate((name) => sessionStorage.getItem(name), CREDENTIAL)).toBe(key);
      await page.getByText('key:admin').click();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('API key or access token').waitFor();
      expect(await page.evaluate(() => JSON.stringify({ ...sessionStorage }))).toBe('{}');
      await page.context().close();
    },
    TEST_MS,
  );

  itInBrowser(
    'is offered only what they may do',
    async () => {
      const reader = await tested.open('/orders', 'reader');
      await reader.page.getByText('Alice Johnson').waitFor();
      expect(
        await reader.page.getByRole('navigation', { name: 'Pages' }).getByRole('link').allTextContents(),
      ).toEqual(['Orders']);
      expect(await reader.page.getByRole('checkbox', { name: 'Select' }).count()).toBe(0);
      await reader.page.getByRole('row').nth(1).getByRole('link').click();
      await reader.page.getByText('You don’t have permission to change the status').waitFor();
      await reader.page.goto(`${tested.service.url}/admin/incidents`);
      await reader.page.getByText('You don’t have access to this page').waitFor();
      const operator = await tested.open('/', 'operator');
      await operator.page.getByRole('heading', { name: 'Incidents' }).waitFor();
      for (const { page, complaints } of [reader, operator]) {
        expect(complaints).toEqual([]);
        await page.context().close();
      }
    },
    TEST_MS,
  );

  itInBrowser(
    'may paste a token of the company’s sign-in, which lets them in for as long as it holds',
    async () => {
      const issuer = await TestIssuer.start();
      const guarded = await startTestService({ settings: issuer.settings, beside: tested.service });
      const { page } = await tested.open('/orders');
      await page.goto(`${guarded.url}/admin/orders`);
      const field = page.getByLabel('API key or access token');
      const scopes = 'orders:read orders:read:all';
      await field.fill(await issuer.token('carol', scopes, { expiresIn: -1 }));
      await page.keyboard.press('Enter');
      await page.getByText('Sign-in failed: The token has expired').waitFor();

      const token = await issuer.token('carol', scopes);
      const sent = new Set<string | undefined>();
      page.on('request', (request) => {
        const { 'x-api-key': key, authorization } = request.headers();
        if (/\/(orders|caller)\b/.test(new URL(request.url()).pathname)) sent.add(key ?? authorization);
      });
      // As it is copied from a tool that shows the whole header.
      await field.fill(`Bearer ${token}`);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('Alice Johnson').waitFor();
      await page.getByText('Live', { exact: true }).waitFor();
      await page.getByText('carol').first().waitFor();
      expect([...sent]).toEqual([`Bearer ${token}`]);
      expect(await page.evaluate((name) => sessionStorage.getItem(name), CREDENTIAL)).toBe(token);
      await page.context().close();
      await guarded.stop();
      await issuer.close();
    },
    TEST_MS,
  );

  itInBrowser(
    'needs nothing where nobody has to say who they are',
    async () => {
      const open = await startTestService({ beside: tested.service });
      const { page, complaints } = await tested.open('/', undefined, { baseURL: open.url });
      await page.goto(`${open.url}/admin`);
      await page.getByText('Alice Johnson').waitFor();
      await page.getByText('anonymous').first().waitFor();
      expect(complaints.filter((complaint) => !complaint.includes('401'))).toEqual([]);
      await page.context().close();
      await open.stop();
    },
    TEST_MS,
  );
});
