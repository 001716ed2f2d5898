import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { SECRET_PREFIX } from './delivery/signature.js';
import type { StoredSecret } from './webhook-endpoint.entity.js';

/** Standard Webhooks asks for 24 to 64 bytes; this is the block that SHA-256 returns. */
const SECRET_BYTES = 32;

/** Marks an encrypted secret, with the version of its layout: nonce, ciphertext, tag. */
const SEALED = 'v1:';

const CIPHER = 'aes-256-gcm';

/** The length that NIST SP 800-38D recommends; random, since a key encrypts few secrets. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A stored secret can not be read with the key of this process. The message holds neither. */
export class SecretUnreadable extends Error {
  constructor(
    /** `missing_key`: it is encrypted, and there is no key. */
    readonly reason: 'missing_key' | 'wrong_key',
  ) {
    super(`a stored secret of a webhook can not be decrypted: ${reason}`);
    this.name = 'SecretUnreadable';
  }
}

/** The secrets that sign deliveries: generates them, and encrypts them where `WEBHOOK_SECRET_KEY` is set. */
@Injectable()
export class WebhookSecrets {
  /** The first encrypts. The others decrypt what was encrypted before a key was replaced. */
  private readonly keys: readonly Buffer[];

  constructor({ WEBHOOK_SECRET_KEY }: Settings) {
    this.keys = (WEBHOOK_SECRET_KEY?.split(',') ?? []).map((key) => Buffer.from(key, 'base64'));
  }

  /** A new secret, as a receiver gets it. */
  generate(): string {
    return SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64');
  }

  /** A secret as it is stored. */
  seal(secret: string): string {
    const [key] = this.keys;
    if (key === undefined) return secret;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    const sealed = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return SEALED + sealed.toString('base64');
  }

  /**
   * The secret of a stored one. Secrets from before the key was set are stored as they are.
   *
   * @throws {SecretUnreadable}
   */
  open(stored: string): string {
    if (!stored.startsWith(SEALED)) return stored;
    if (this.keys.length === 0) throw new SecretUnreadable('missing_key');
    for (const key of this.keys) {
      const secret = decrypt(stored, key);
      if (secret !== undefined) return secret;
    }
    throw new SecretUnreadable('wrong_key');
  }

  /** Whether a stored secret is not encrypted with the first key, although there is one. */
  isOutdated(stored: string): boolean {
    const [key] = this.keys;
    return key !== undefined && (!stored.startsWith(SEALED) || decrypt(stored, key) === undefined);
  }

  /**
   * The secrets that sign a delivery: the current one first, then those that a rotation left valid.
   *
   * @throws {SecretUnreadable}
   */
  signing(stored: readonly StoredSecret[], now: Date): string[] {
    return stored.filter((secret) => isValid(secret, now)).map(({ secret }) => this.open(secret));
  }
}

/** @returns undefined where it was encrypted with another key, or has changed since */
function decrypt(stored: string, key: Buffer): string | undefined {
  const sealed = Buffer.from(stored.slice(SEALED.length), 'base64');
  try {
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    const text = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

/** Whether a secret signs deliveries at a time. */
export function isValid({ valid_until: until }: StoredSecret, now: Date): boolean {
  return until === null || Date.parse(until) > now.getTime();
}

/** The secrets after a rotation. Those before sign no longer than until its end, and those that have ended go. */
export function rotated(
  stored: readonly StoredSecret[],
  secret: string,
  now: Date,
  validMs: number,
): StoredSecret[] {
  const end = now.getTime() + validMs;
  const earlier = stored.map((each) => {
    const until = Math.min(end, each.valid_until === null ? Infinity : Date.parse(each.valid_until));
    return { ...each, valid_until: new Date(until).toISOString() };
  });
  const current = { secret, created_at: now.toISOString(), valid_until: null };
  return [current, ...earlier.filter((each) => isValid(each, now))];
}
