import 'reflect-metadata';
import { accessSync, constants } from 'node:fs';
import { plainToInstance, Transform, Type } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  IsUrl,
  Matches,
  Max,
  Min,
  validateSync,
} from 'class-validator';

/** How the connection to PostgreSQL is encrypted; `rds` verifies against Amazon's published authorities. */
export const DATABASE_TLS_MODES = ['off', 'require', 'verify', 'rds'] as const;

/** As long as a background job may take for all that it does: see docs/timeouts.md. */
const MAX_UPSTREAM_TIMEOUT_MS = 10_000;

const HTTP_URL = { protocols: ['http', 'https'], require_tld: false, require_protocol: true };

/** Turns `"true"` and `"false"` into booleans and leaves all else for the validator to refuse. */
function toBoolean({ value }: { value: unknown }): unknown {
  return value === 'true' ? true : value === 'false' ? false : value;
}

/**
 * Every setting of the service, under the name of its environment variable, with its default.
 *
 * Times are in the unit that the name ends with. `README.md` explains each for its users; a test keeps the two
 * lists equal.
 */
export class Settings {
  @IsIn(['development', 'test', 'production'])
  NODE_ENV: 'development' | 'test' | 'production' = 'development';

  @IsString()
  HOST: string = '0.0.0.0';

  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65_535)
  PORT: number = 8080;

  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  LOG_LEVEL: string = 'info';

  @Matches(/^postgres(ql)?:\/\/\S+$/, {
    message: 'must be a URL such as postgres://user:password@host:5432/orders',
  })
  DATABASE_URL!: string;

  @IsIn(DATABASE_TLS_MODES)
  DATABASE_TLS: (typeof DATABASE_TLS_MODES)[number] = 'off';

  @IsOptional()
  @IsString()
  DATABASE_TLS_CA_FILE?: string;

  @Type(() => Number)
  @IsInt()
  @Min(2)
  @Max(500)
  DATABASE_POOL_SIZE: number = 10;

  @IsBoolean({ message: 'must be true or false' })
  @Transform(toBoolean)
  MIGRATE_ON_START: boolean = true;

  @IsUrl(HTTP_URL, { message: 'must be an http(s) URL' })
  INVENTORY_SERVICE_URL: string = 'http://inventory-service:8081';

  @IsIn(['per-product', 'reservations'])
  INVENTORY_API: 'per-product' | 'reservations' = 'per-product';

  @IsBoolean({ message: 'must be true or false' })
  @Transform(toBoolean)
  INVENTORY_HONOURS_IDEMPOTENCY_KEYS: boolean = true;

  @IsUrl(HTTP_URL, { message: 'must be an http(s) URL' })
  NOTIFICATION_SERVICE_URL: string = 'http://notification-service:8082';

  @IsOptional()
  @IsUrl(HTTP_URL, { message: 'must be an http(s) URL' })
  PRODUCT_CATALOG_SERVICE_URL?: string;

  @IsOptional()
  @IsUrl(HTTP_URL, { message: 'must be an http(s) URL' })
  SHOPPING_CART_SERVICE_URL?: string;

  @IsIn(['verify', 'trust'])
  PRICE_CHECK: 'verify' | 'trust' = 'verify';

  @IsIn(Intl.supportedValuesOf('currency'), { message: 'must be an ISO 4217 currency code such as USD' })
  DEFAULT_CURRENCY: string = 'USD';

  /** How long one attempt of one call to another service may take. */
  @Type(() => Number)
  @IsInt()
  @Min(50)
  @Max(MAX_UPSTREAM_TIMEOUT_MS)
  UPSTREAM_TIMEOUT_MS: number = 2_000;

  /** How long a client waits at most for the answer to an order; all calls and their repetitions fit into it. */
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(120_000)
  REQUEST_DEADLINE_MS: number = 10_000;

  /** How long recovery drives an unsettled order forward before it takes the order back. */
  @Type(() => Number)
  @IsInt()
  @Min(200)
  @Max(86_400_000)
  RECOVERY_WINDOW_MS: number = 60_000;

  /** How often each instance looks for orders that nobody drives any more. */
  @Type(() => Number)
  @IsInt()
  @Min(50)
  @Max(60_000)
  RECOVERY_INTERVAL_MS: number = 1_000;

  /** `async`: orders are stored and answered with 202 before they are settled, as if every client preferred it. */
  @IsIn(['sync', 'async'])
  PLACEMENT_MODE: 'sync' | 'async' = 'sync';

  /** Orders that this instance places at the same time; beyond it they are refused at once. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(10_000)
  MAX_PLACEMENTS: number = 32;

  /** How long the service goes on as usual, but not ready, after it was told to stop. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(300_000)
  SHUTDOWN_DELAY_MS: number = 0;

  /** How long the answer for an `Idempotency-Key` is kept. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(8_760)
  IDEMPOTENCY_KEY_HOURS: number = 24;

  /**
   * How often a background job is repeated before it waits for a person. With the longest wait between them the
   * default lasts for three days: longer than a weekend during which nobody looked.
   */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  JOB_RETRY_LIMIT: number = 9_000;

  /** Longest wait between two attempts at a background job; short, so that a service that is back is found soon. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(3_600)
  JOB_RETRY_MAX_SECONDS: number = 30;

  /** Where the fault harness is asked at every step whether to go on. */
  @IsOptional()
  @IsUrl(HTTP_URL, { message: 'must be an http(s) URL' })
  PAUSE_POINTS_URL?: string;
}

/** The start was refused; the message names every wrong setting. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The settings are wrong:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'SettingsError';
  }
}

/** Rules that involve more than one setting. */
function findContradictions(settings: Settings): string[] {
  const problems: string[] = [];
  if (settings.DATABASE_TLS === 'verify' && !settings.DATABASE_TLS_CA_FILE) {
    problems.push(
      'DATABASE_TLS_CA_FILE: is needed with DATABASE_TLS=verify: the file of the authority to trust',
    );
  }
  if (settings.DATABASE_TLS_CA_FILE) {
    try {
      accessSync(settings.DATABASE_TLS_CA_FILE, constants.R_OK);
    } catch {
      problems.push(`DATABASE_TLS_CA_FILE: the file ${settings.DATABASE_TLS_CA_FILE} can't be read`);
    }
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
  // One look-up and two attempts at the reservation must fit, or an unknown outcome could never be asked again.
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
export function loadSettings(environment: Record<string, string | undefined>): Settings {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
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
  return problems.length === 0 ? settings : refuse(problems);
}

function refuse(problems: string[]): never {
  throw new SettingsError(problems);
}
