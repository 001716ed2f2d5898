import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { loadSettings, SettingsError } from './load-settings.js';

const DATABASE_URL = 'postgres://orders:secret@localhost:5432/orders';

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadSettings({ DATABASE_URL, ...environment });
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
}

describe('settings', () => {
  it('have defaults for everything but the database', () => {
    const settings = loadSettings({ DATABASE_URL });
    expect(settings.PORT).toBe(8080);
    expect(settings.INVENTORY_SERVICE_URL).toBe('http://inventory-service:8081');
    expect(settings.NOTIFICATION_SERVICE_URL).toBe('http://notification-service:8082');
    expect(settings.PRODUCT_CATALOG_SERVICE_URL).toBeUndefined();
  });

  it('are read from text', () => {
    const settings = loadSettings({
      DATABASE_URL,
      PORT: '9000',
      MIGRATE_ON_START: 'false',
      PRICE_CHECK: 'trust',
    });
    expect(settings).toMatchObject({ PORT: 9000, MIGRATE_ON_START: false, PRICE_CHECK: 'trust' });
  });

  it('count as not set when they are empty', () => {
    expect(loadSettings({ DATABASE_URL, PORT: '', SHOPPING_CART_SERVICE_URL: '' }).PORT).toBe(8080);
  });

  it('never fall back to another database, in no mode', () => {
    for (const NODE_ENV of ['production', 'development', 'test']) {
      expect(problemsOf({ DATABASE_URL: '', NODE_ENV })).toEqual([
        expect.stringContaining('DATABASE_URL: is needed'),
      ]);
    }
  });

  it('are refused all at once, each by its name', () => {
    const problems = problemsOf({
      PORT: '80800',
      MIGRATE_ON_START: 'yes',
      INVENTORY_SERVICE_URL: 'inventory:8081',
      DEFAULT_CURRENCY: 'DOLLAR',
      UPSTREAM_TIMEOUT_MS: '1.5',
    });
    expect(problems.map((problem) => problem.split(':')[0] ?? '').toSorted()).toEqual(
      [
        'DEFAULT_CURRENCY',
        'INVENTORY_SERVICE_URL',
        'MIGRATE_ON_START',
        'PORT',
        'UPSTREAM_TIMEOUT_MS',
      ].toSorted(),
    );
  });

  it('never show a secret when they are refused', () => {
    expect(problemsOf({ DATABASE_URL: 'mysql://orders:secret@localhost/orders' }).join()).not.toContain(
      'secret',
    );
  });

  it.each([
    ['DATABASE_TLS_CA_FILE', { DATABASE_TLS: 'verify' }],
    ['DATABASE_TLS_CA_FILE', { DATABASE_TLS: 'verify', DATABASE_TLS_CA_FILE: '/there/is/no/such/file' }],
    ['DATABASE_URL', { DATABASE_URL: `${DATABASE_URL}?sslmode=require` }],
    ['INVENTORY_API', { PRODUCT_CATALOG_SERVICE_URL: 'http://catalog', INVENTORY_API: 'reservations' }],
    ['REQUEST_DEADLINE_MS', { REQUEST_DEADLINE_MS: '5000', UPSTREAM_TIMEOUT_MS: '2000' }],
    ['RECOVERY_WINDOW_MS', { REQUEST_DEADLINE_MS: '10000', RECOVERY_WINDOW_MS: '15000' }],
    ['METRICS_PORT', { PORT: '8080', METRICS_PORT: '8080' }],
    ['PAUSE_POINTS_URL', { PAUSE_POINTS_URL: 'http://127.0.0.1:9', NODE_ENV: 'production' }],
    ['AUTH', { NODE_ENV: 'production' }],
    ['AUTH', { NODE_ENV: 'production', AUTH: 'none' }],
    ['AUTH', { NODE_ENV: 'production', AUTH: '' }],
    ['AUTH', { AUTH: 'basic' }],
    ['JWT_AUDIENCE', { AUTH: 'jwt', JWT_ISSUER: 'https://issuer', JWT_JWKS_URL: 'https://issuer/jwks' }],
    ['JWT_ALGORITHMS', { JWT_ALGORITHMS: 'none' }],
    ['JWT_ALGORITHMS', { JWT_ALGORITHMS: 'RS256,HS256' }],
    ['API_KEYS_FILE', { AUTH: 'api-key' }],
    ['API_KEYS_FILE', { AUTH: 'api-key', API_KEYS_FILE: '/there/is/no/such/file' }],
    ['API_KEYS', { AUTH: 'api-key', API_KEYS: '[]', API_KEYS_FILE: '/dev/null' }],
  ])('contradict each other: %s', (name, environment) => {
    expect(problemsOf(environment)).toEqual([expect.stringMatching(`^${name}:`)]);
  });

  it('need no decision about callers for commands', () => {
    const settings = loadSettings({ DATABASE_URL, NODE_ENV: 'production' }, 'command');
    expect(settings.NODE_ENV).toBe('production');
  });

  it('accept a certificate file that is there', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'settings-')), 'ca.pem');
    writeFileSync(file, 'a certificate');
    expect(problemsOf({ DATABASE_TLS: 'verify', DATABASE_TLS_CA_FILE: file })).toEqual([]);
  });
});
