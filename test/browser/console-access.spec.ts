import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { itInBrowser } from '../support/browser.js';
import { placeOrder } from '../support/builders.js';
import { TestIssuer } from '../support/issuer.js';
import { startTestService } from '../support/service.js';
import { CREDENTIAL, TEST_MS, TestConsole } from './console.js';

const BUILT = fileURLToPath(new URL('../../dist/console/', import.meta.url));

/** Upper bound for the compressed size of the whole console. */
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

describe('GET /admin', () => {
  it.each(['/admin', '/admin/', '/admin/orders/01a1ffe2-9b80-748a-ba30-787d85a2b441?window=day'])(
    'returns the page for %s, with no-cache and a policy that blocks inline code and other origins',
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

  it('has no inline script or style and names no other host', async () => {
    const { body } = await tested.service.request('GET', '/admin');
    expect(body).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|https?:/);
  });

  it('serves assets with an immutable cache lifetime of a year', async () => {
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
    'returns 404 as problem details for %s',
    async (path) => {
      const { status, body } = await tested.service.request('GET', path);
      expect([status, body.type]).toEqual([404, '/problems/not-found']);
    },
  );

  it(`serves less than ${MAX_COMPRESSED_BYTES / 1_000} kB compressed`, () => {
    const bytes = assets().reduce(
      (sum, name) => sum + readFileSync(`${BUILT}assets/${name}.gz`).byteLength,
      0,
    );
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(MAX_COMPRESSED_BYTES);
  });

  it('returns 404 when the setting disables the console', async () => {
    const without = await startTestService({ settings: { ADMIN_CONSOLE: 'false' }, beside: tested.service });
    const { status } = await without.request('GET', '/admin');
    await without.stop();
    expect(status).toBe(404);
  });
});

describe('console sign-in', () => {
  itInBrowser(
    'requires a credential and rejects an unknown key',
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
    'keeps the credential in session storage only, not in the address, cookies or local storage',
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
    "offers only the actions that the caller's scopes allow",
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
    'accepts a pasted access token until it expires',
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
      // The way a tool copies it that shows the whole header.
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
    'asks for no credential when authentication is off',
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
