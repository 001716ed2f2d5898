import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { plainToInstance } from 'class-transformer';
import {
  ArrayMinSize,
  IsArray,
  IsIn,
  IsISO8601,
  IsOptional,
  Matches,
  validateSync,
  type ValidationError,
} from 'class-validator';
import { type Scope, SCOPES } from './access.js';
import { toScopes } from './scopes.js';

/** Identifies a key at sight, for people and for scanners of leaked secrets. */
const PREFIX = 'osk_';

/** 256 bits: as many as its hash has. */
const KEY_BYTES = 32;

/** Every key is compared with every request's; more callers than this should get tokens. */
const MAX_KEYS = 100;

/** Appears in the history of orders, in logs and in commands. */
const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** A key as an operator keeps it: everything but the key. */
export class ApiKeyEntry {
  /** The owner of the key. Old and new key of a rotation have the same name: they are the same caller. */
  @Matches(KEY_NAME, { message: 'must have 1 to 63 letters, digits, dots, dashes or underscores' })
  name!: string;

  /** SHA-256 of the key, in hexadecimal. */
  @Matches(/^[0-9a-f]{64}$/, { message: 'must be the 64 hexadecimal digits that npm run api-key prints' })
  sha256!: string;

  @IsIn(SCOPES, { each: true, message: `must be among ${SCOPES.join(', ')}` })
  @ArrayMinSize(1, { message: 'must not be empty' })
  @IsArray({ message: 'must be a list' })
  scopes!: Scope[];

  /** When the key ends; never where it is absent. */
  @IsOptional()
  @Matches(/(Z|[+-]\d\d:\d\d)$/, { message: 'must be a time with its zone, as in 2027-01-31T00:00:00Z' })
  @IsISO8601({ strict: true }, { message: 'must be a time with its zone, as in 2027-01-31T00:00:00Z' })
  expires_at?: string;
}

/** A key as requests are compared with it. */
export interface ApiKey {
  name: string;
  digest: Buffer;
  scopes: ReadonlySet<Scope>;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/** The list of keys can't be used; the message names each wrong field, and nothing secret. */
export class WrongApiKeys extends Error {}

/** A new key, shown to its user once, and the entry that the service keeps. */
export function makeApiKey(
  name: string,
  scopes: Scope[],
  expiresAt?: string,
): { key: string; entry: ApiKeyEntry } {
  const key = `${PREFIX}${randomBytes(KEY_BYTES).toString('base64url')}`;
  const entry = {
    name,
    sha256: digestOf(key).toString('hex'),
    scopes,
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
  };
  parseApiKeys(JSON.stringify([entry]));
  return { key, entry };
}

/**
 * Reads a list of entries.
 *
 * @param text JSON: `[{"name": "warehouse", "sha256": "…", "scopes": ["orders:status"], "expires_at": "…"}]`
 * @throws {WrongApiKeys}
 */
export function parseApiKeys(text: string): ApiKey[] {
  const list = parseList(text);
  const entries = plainToInstance(ApiKeyEntry, list);
  const problems = entries.flatMap((entry, index) =>
    validateSync(entry, { whitelist: true, forbidNonWhitelisted: true }).map(
      (error) => `[${index}].${error.property} ${firstMessage(error)}`,
    ),
  );
  if (problems.length === 0) problems.push(...contradictions(entries));
  if (problems.length > 0) throw new WrongApiKeys(problems.join('; '));
  return entries.map(({ name, sha256, scopes, expires_at: end }) => ({
    name,
    digest: Buffer.from(sha256, 'hex'),
    scopes: toScopes(scopes),
    expiresAt: end === undefined ? Infinity : Date.parse(end),
  }));
}

function parseList(text: string): object[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new WrongApiKeys('must be JSON');
  }
  if (!Array.isArray(list) || !list.every(isObject)) {
    throw new WrongApiKeys('must be a list of objects');
  }
  if (list.length > MAX_KEYS) throw new WrongApiKeys(`must have at most ${MAX_KEYS} keys`);
  return list;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function firstMessage({ constraints }: ValidationError): string {
  const [broken] = Object.entries(constraints ?? {});
  return broken?.[0] === 'whitelistValidation' ? 'is not a known field' : (broken?.[1] ?? 'is wrong');
}

function contradictions(entries: ApiKeyEntry[]): string[] {
  const digests = entries.map(({ sha256 }) => sha256);
  return entries.flatMap(({ sha256, scopes }, index) => [
    ...(digests.indexOf(sha256) < index ? [`[${index}].sha256 is there twice`] : []),
    // Only customers have orders of their own; a key with this scope could read none.
    ...(scopes.includes('orders:read') && !scopes.includes('orders:read:all')
      ? [`[${index}].scopes must have orders:read:all to read: a key has no orders of its own`]
      : []),
  ]);
}

/**
 * One round of SHA-256 is enough, and is all that a request can afford: slow hashes protect passwords that people
 * choose, and 256 random bits can't be guessed.
 */
function digestOf(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

/** The key that was presented. Takes as long whichever it is, and whether it is one at all. */
export function findApiKey(keys: readonly ApiKey[], presented: string): ApiKey | undefined {
  const digest = digestOf(presented);
  let found: ApiKey | undefined;
  for (const key of keys) if (timingSafeEqual(key.digest, digest)) found = key;
  return found;
}
