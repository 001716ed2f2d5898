import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { loadSettings } from '../config/load-settings.js';
import type { StoredSecret } from './webhook-endpoint.entity.js';
import { rotated, WebhookSecrets } from './webhook-secrets.js';

const DATABASE_URL = 'postgres://localhost/orders';
const KEY = randomBytes(32).toString('base64');
const NOW = new Date('2026-11-27T20:00:00.000Z');
const HOUR = 3_600_000;

const plain = new WebhookSecrets(loadSettings({ DATABASE_URL }));
const withKey = (key: string) => new WebhookSecrets(loadSettings({ DATABASE_URL, WEBHOOK_SECRET_KEY: key }));

const stored = (secret: string, validUntil: Date | null): StoredSecret => ({
  secret,
  created_at: NOW.toISOString(),
  valid_until: validUntil?.toISOString() ?? null,
});

describe('webhook secret', () => {
  it('is the prefix and 32 random bytes in base64', () => {
    const secret = plain.generate();
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(plain.generate()).not.toBe(secret);
  });

  it('is stored as it is without a key', () => {
    expect(plain.open(plain.seal('whsec_a'))).toBe('whsec_a');
    expect(plain.seal('whsec_a')).toBe('whsec_a');
  });

  it('is encrypted with a key, each time to another text', () => {
    const secrets = withKey(KEY);
    const sealed = secrets.seal('whsec_a');
    expect(sealed).not.toContain('whsec');
    expect(secrets.seal('whsec_a')).not.toBe(sealed);
    expect(secrets.open(sealed)).toBe('whsec_a');
  });

  it('stays readable when a key is set later', () => {
    expect(withKey(KEY).open('whsec_a')).toBe('whsec_a');
    expect(withKey(KEY).isOutdated('whsec_a')).toBe(true);
    expect(plain.isOutdated('whsec_a')).toBe(false);
  });

  it('is encrypted with the first of several keys, and read with each', () => {
    const other = randomBytes(32).toString('base64');
    const both = withKey(`${KEY},${other}`);
    const [byFirst, byOther] = [both.seal('whsec_a'), withKey(other).seal('whsec_a')];
    expect([byFirst, byOther].map((sealed) => both.open(sealed))).toEqual(['whsec_a', 'whsec_a']);
    expect([byFirst, byOther].map((sealed) => both.isOutdated(sealed))).toEqual([false, true]);
    expect(withKey(KEY).open(byFirst)).toBe('whsec_a');
    expect(() => withKey(other).open(byFirst)).toThrow('wrong_key');
  });

  it.each([
    ['another key', withKey(randomBytes(32).toString('base64')), 'wrong_key'],
    ['no key', plain, 'missing_key'],
  ])('can not be read with %s', (_name, secrets, reason) => {
    const sealed = withKey(KEY).seal('whsec_a');
    expect(() => secrets.open(sealed)).toThrow(reason);
  });

  it('can not be read when a byte of it has changed', () => {
    const sealed = Buffer.from(withKey(KEY).seal('whsec_a').slice(3), 'base64');
    sealed.writeUInt8(sealed.readUInt8(14) ^ 1, 14);
    expect(() => withKey(KEY).open(`v1:${sealed.toString('base64')}`)).toThrow('wrong_key');
  });
});

describe('rotation of webhook secrets', () => {
  it('lets both secrets sign until the end of the old one', () => {
    const after = rotated([stored('old', null)], 'new', NOW, HOUR);
    expect(plain.signing(after, NOW)).toEqual(['new', 'old']);
    expect(plain.signing(after, new Date(NOW.getTime() + HOUR - 1))).toEqual(['new', 'old']);
    expect(plain.signing(after, new Date(NOW.getTime() + HOUR))).toEqual(['new']);
  });

  it('never prolongs an earlier secret, and forgets those that have ended', () => {
    const before = [stored('b', null), stored('a', new Date(NOW.getTime() + 1)), stored('z', NOW)];
    const after = rotated(before, 'c', NOW, HOUR);
    expect(after.map(({ secret }) => secret)).toEqual(['c', 'b', 'a']);
    expect(plain.signing(after, new Date(NOW.getTime() + 1))).toEqual(['c', 'b']);
  });

  it('with no time ends all earlier secrets at once', () => {
    const before = [stored('b', null), stored('a', new Date(NOW.getTime() + HOUR))];
    expect(plain.signing(rotated(before, 'c', NOW, 0), NOW)).toEqual(['c']);
  });
});
