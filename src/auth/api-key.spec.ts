import { describe, expect, it } from '@jest/globals';
import { loadSettings, SettingsError } from '../config/load-settings.js';
import { BackgroundLoops } from '../platform/background-loops.js';
import { Metrics } from '../platform/metrics/metrics.js';
import { findApiKey, makeApiKey, parseApiKeys } from './api-key.js';
import { ApiKeys } from './api-keys.js';

const { key, entry } = makeApiKey('warehouse', ['orders:read:all', 'orders:status'], '2999-01-31T00:00:00Z');

/** Loads a list of keys like the service at its start. */
function start(list: unknown): ApiKeys {
  return new ApiKeys(
    loadSettings({
      DATABASE_URL: 'postgres://none@localhost/none',
      AUTH: 'api-key',
      API_KEYS: typeof list === 'string' ? list : JSON.stringify(list),
    }),
    new BackgroundLoops(new Metrics()),
  );
}

describe('a key', () => {
  it('is not in its entry, and is never the same', () => {
    expect(JSON.stringify(entry)).not.toContain(key.slice(4));
    expect(key).toMatch(/^osk_[\w-]{43}$/);
    expect(makeApiKey('warehouse', ['orders:status']).key).not.toBe(key);
  });

  it('is found by itself and by nothing else', () => {
    const keys = parseApiKeys(JSON.stringify([makeApiKey('shop', ['orders:place']).entry, entry]));
    expect(findApiKey(keys, key)?.name).toBe('warehouse');
    for (const other of ['', `${key} `, key.slice(0, -1), key.toUpperCase(), entry.sha256]) {
      expect(findApiKey(keys, other)).toBeUndefined();
    }
  });

  it('with orders:read:all needs no second scope to read', () => {
    expect(start([entry]).callerOf(key)).toEqual({
      id: 'key:warehouse',
      scopes: new Set(['orders:read:all', 'orders:status', 'orders:read']),
      customerId: null,
    });
  });
});

describe('a list of keys', () => {
  it.each([
    ['no JSON', '[{', 'must be JSON'],
    ['no list', { keys: [] }, 'must be a list of objects'],
    ['a list of texts', ['warehouse'], 'must be a list of objects'],
    ['a list of lists', [[]], 'must be a list of objects'],
    ['an entry without a name', [{ ...entry, name: undefined }], '[0].name must have'],
    ['a name with blanks', [entry, { ...entry, name: 'a b' }], '[1].name must have'],
    ['the key in place of its hash', [{ ...entry, sha256: key }], '[0].sha256 must be'],
    ['an unknown scope', [{ ...entry, scopes: ['orders'] }], '[0].scopes must be among'],
    ['no scope', [{ ...entry, scopes: [] }], '[0].scopes must not be empty'],
    ['an end that is no time', [{ ...entry, expires_at: 'soon' }], '[0].expires_at must be'],
    ['an end without a zone', [{ ...entry, expires_at: '2027-01-31T00:00:00' }], '[0].expires_at must be'],
    ['a field that is not known', [{ ...entry, expiry: '2027' }], '[0].expiry is not a known field'],
    ['a key that is there twice', [entry, entry], '[1].sha256 is there twice'],
    ['a key to read nothing', [{ ...entry, scopes: ['orders:read'] }], 'must have orders:read:all'],
    ['more keys than fit', Array.from({ length: 101 }, () => entry), 'must have at most 100 keys'],
  ])('is refused at the start: %s', (_what, list, message) => {
    let refusal: unknown;
    try {
      start(list);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(SettingsError);
    expect(String(refusal)).toContain(`API_KEYS: `);
    expect(String(refusal)).toContain(message);
    expect(String(refusal)).not.toContain(key);
  });
});
