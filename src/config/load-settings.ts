import 'reflect-metadata';
import { accessSync, constants } from 'node:fs';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { defaultHost } from './listen-address.js';
import { Settings } from './settings.js';

/** The start was refused; the message names every wrong setting. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The settings are wrong:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'SettingsError';
  }
}

/** Receivers of webhooks on the machine of a developer, or of a test. */
const LOOPBACK = '127.0.0.0/8,::1/128';

/** The purpose of the settings: commands without a network interface need no authentication settings. */
export type Purpose = 'service' | 'command';

function isUnreadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return false;
  } catch {
    return true;
  }
}

/** Whether authentication is configured completely. */
function findOpenDoors(settings: Settings): string[] {
  const { AUTH, API_KEYS, API_KEYS_FILE } = settings;
  const problems: string[] = [];
  if (AUTH === 'none' && settings.NODE_ENV === 'production') {
    problems.push(
      'AUTH: is needed with NODE_ENV=production: jwt, api-key or jwt,api-key; without it every client that reaches the port has all scopes',
    );
  }
  if (AUTH.includes('jwt')) {
    for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_JWKS_URL'] as const) {
      if (!settings[name]) problems.push(`${name}: is needed with AUTH=${AUTH}`);
    }
  }
  if (AUTH.includes('api-key')) {
    if (!API_KEYS && !API_KEYS_FILE) problems.push(`API_KEYS_FILE: is needed with AUTH=${AUTH}, or API_KEYS`);
    if (API_KEYS && API_KEYS_FILE) problems.push('API_KEYS: must not be set beside API_KEYS_FILE');
    if (API_KEYS_FILE && isUnreadable(API_KEYS_FILE)) {
      problems.push(`API_KEYS_FILE: the file ${API_KEYS_FILE} can't be read`);
    }
  }
  return problems;
}

/** Rules that involve more than one setting. */
function findContradictions(settings: Settings): string[] {
  const problems: string[] = [];
  if (settings.DATABASE_TLS === 'verify' && !settings.DATABASE_TLS_CA_FILE) {
    problems.push(
      'DATABASE_TLS_CA_FILE: is needed with DATABASE_TLS=verify: the file of the authority to trust',
    );
  }
  if (settings.DATABASE_TLS_CA_FILE && isUnreadable(settings.DATABASE_TLS_CA_FILE)) {
    problems.push(`DATABASE_TLS_CA_FILE: the file ${settings.DATABASE_TLS_CA_FILE} can't be read`);
  }
  if (/[?&](sslmode|sslrootcert|sslcert|sslkey|ssl)=/.test(settings.DATABASE_URL)) {
    // The driver lets these silently override the verified TLS configuration, so there is one place to set it.
    problems.push('DATABASE_URL: must not set ssl parameters; use DATABASE_TLS and DATABASE_TLS_CA_FILE');
  }
  if (settings.PRODUCT_CATALOG_SERVICE_URL && settings.INVENTORY_API === 'reservations') {
    problems.push(
      'INVENTORY_API: reservations are not offered by the catalog that PRODUCT_CATALOG_SERVICE_URL names',
    );
  }
  if (settings.METRICS_PORT === settings.PORT) {
    problems.push('METRICS_PORT: must differ from PORT, or not be set');
  }
  // One look-up and two attempts at the reservation must fit, or an unknown outcome could never be retried.
  if (settings.REQUEST_DEADLINE_MS < 3 * settings.UPSTREAM_TIMEOUT_MS) {
    problems.push('REQUEST_DEADLINE_MS: must be at least three times UPSTREAM_TIMEOUT_MS');
  }
  if (settings.RECOVERY_WINDOW_MS < 2 * settings.REQUEST_DEADLINE_MS) {
    problems.push('RECOVERY_WINDOW_MS: must be at least twice REQUEST_DEADLINE_MS');
  }
  if (settings.PAUSE_POINTS_URL && settings.NODE_ENV === 'production') {
    problems.push('PAUSE_POINTS_URL: is for the fault harness only, and refused with NODE_ENV=production');
  }
  return problems;
}

/**
 * Reads and checks the settings.
 *
 * @param environment names and values, as in `process.env`; an empty value counts as not set
 * @throws {SettingsError} naming every setting that is wrong or missing
 */
export function loadSettings(
  environment: Record<string, string | undefined>,
  purpose: Purpose = 'service',
): Settings {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  given['HOST'] ??= defaultHost(given['NODE_ENV']);
  if (given['NODE_ENV'] !== 'production') {
    given['WEBHOOKS_ALLOW_HTTP'] ??= 'true';
    given['WEBHOOKS_ALLOWED_NETWORKS'] ??= LOOPBACK;
  }
  const settings = plainToInstance(Settings, given);
  const problems = validateSync(settings, { whitelist: true }).map(
    (error) => `${error.property}: ${Object.values(error.constraints ?? {}).join('; ')}`,
  );
  if (!environment['DATABASE_URL']) {
    // Nothing falls back to the embedded database here: only `npm start` offers that, and it sets this variable.
    const message = 'DATABASE_URL: is needed, for example postgres://user:password@host:5432/orders';
    return refuse([message, ...problems.filter((problem) => !problem.startsWith('DATABASE_URL:'))]);
  }
  // Contradictions are looked for only between settings that are each right, or the messages would mislead.
  if (problems.length === 0) problems.push(...findContradictions(settings));
  if (problems.length === 0 && purpose === 'service') problems.push(...findOpenDoors(settings));
  return problems.length === 0 ? settings : refuse(problems);
}

function refuse(problems: string[]): never {
  throw new SettingsError(problems);
}
