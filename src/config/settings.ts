import { CURRENCIES } from './currencies.js';
import { Type } from 'class-transformer';
import { IsIn, IsNumber, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import { Flag, HttpUrl, Networks, OptionalHttpUrl, Origins, WholeNumber } from './setting.decorators.js';

/** How the connection to PostgreSQL is encrypted; `rds` verifies against Amazon's published authorities. */
export const DATABASE_TLS_MODES = ['off', 'require', 'verify', 'rds'] as const;

/** Which traces are recorded, by the names that OpenTelemetry gives them. */
export const TRACE_SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** Authentication methods. */
export const AUTH_MODES = ['none', 'jwt', 'api-key', 'jwt,api-key', 'api-key,jwt'] as const;

/** Asymmetric signatures: with `none` or `HS256` every verifier of a token could also issue one. */
const SIGNATURE = '(RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|EdDSA)';

/** Above the number of connections to one service, notifications would wait in this process. */
const MAX_NOTIFICATION_CONCURRENCY = 128;

/** The maximum duration of a background task: see docs/timeouts.md. */
const MAX_UPSTREAM_TIMEOUT_MS = 10_000;

/**
 * Every setting of the service, under the name of its environment variable, with its default.
 *
 * Times are in the unit that the name ends with. `docs/reference/settings.md` explains each for its users; a test keeps the two
 * lists equal.
 */
export class Settings {
  @IsIn(['development', 'test', 'production'])
  NODE_ENV: 'development' | 'test' | 'production' = 'development';

  /** Loopback outside of production, where nothing authenticates callers by default; every address in production. */
  @IsString()
  HOST!: string;

  @WholeNumber(0, 65_535)
  PORT: number = 8080;

  /** Where metrics are served, apart from everything else; on `PORT` where it is not set. */
  @IsOptional()
  @WholeNumber(1, 65_535)
  METRICS_PORT?: number;

  /** Proxies whose `X-Forwarded-For` is trusted. None by default: any client can send that header. */
  @Networks()
  TRUST_PROXY: string[] = [];

  /**
   * How long a connection is kept open between two requests. Longer than the minute after which most load balancers
   * close theirs: a request that they send on a connection that is being closed here fails with 502.
   */
  @WholeNumber(1_000, 3_600_000)
  KEEP_ALIVE_TIMEOUT_MS: number = 72_000;

  /** Sites whose pages may call from a browser. */
  @Origins()
  CORS_ORIGINS: string[] = [];

  /** Requests a minute that this instance answers to one caller; 0 turns the limit off. */
  @WholeNumber(0, 1_000_000)
  RATE_LIMIT_PER_MINUTE: number = 0;

  /** Whether a status change requires `If-Match` with the version that was read. */
  @Flag()
  REQUIRE_IF_MATCH: boolean = false;

  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  LOG_LEVEL: string = 'info';

  @IsIn(AUTH_MODES, { message: 'must be none, jwt, api-key or jwt,api-key' })
  AUTH: (typeof AUTH_MODES)[number] = 'none';

  /** Compared with the claim `iss`, character by character. */
  @IsOptional()
  @IsString()
  JWT_ISSUER?: string;

  /** One of the values of the claim `aud`. */
  @IsOptional()
  @IsString()
  JWT_AUDIENCE?: string;

  @OptionalHttpUrl()
  JWT_JWKS_URL?: string;

  @Matches(new RegExp(`^${SIGNATURE}(,${SIGNATURE})*$`), {
    message: 'must be a list of asymmetric algorithms such as RS256,ES256',
  })
  JWT_ALGORITHMS: string = 'RS256';

  /** By how much the clocks of the issuer and of this service may differ; more would keep expired tokens alive. */
  @WholeNumber(0, 300)
  JWT_CLOCK_TOLERANCE_SECONDS: number = 30;

  /** The claim that holds the id of the customer; its name is quoted in a header of answers. */
  @Matches(/^[!#-[\]-~]+$/, { message: 'must be the name of a claim' })
  JWT_CUSTOMER_CLAIM: string = 'sub';

  /** The keys as JSON, for hosts that have no files. */
  @IsOptional()
  @IsString()
  API_KEYS?: string;

  @IsOptional()
  @IsString()
  API_KEYS_FILE?: string;

  @Flag()
  HEALTH_PUBLIC: boolean = true;

  @Flag()
  DOCS_PUBLIC: boolean = true;

  @Flag()
  ADMIN_CONSOLE: boolean = true;

  @Matches(/^postgres(ql)?:\/\/\S+$/, {
    message: 'must be a URL such as postgres://user:password@host:5432/orders',
  })
  DATABASE_URL!: string;

  @IsIn(DATABASE_TLS_MODES)
  DATABASE_TLS: (typeof DATABASE_TLS_MODES)[number] = 'off';

  @IsOptional()
  @IsString()
  DATABASE_TLS_CA_FILE?: string;

  @WholeNumber(2, 500)
  DATABASE_POOL_SIZE: number = 10;

  @Flag()
  MIGRATE_ON_START: boolean = true;

  @HttpUrl()
  INVENTORY_SERVICE_URL: string = 'http://inventory-service:8081';

  @IsIn(['per-product', 'reservations'])
  INVENTORY_API: 'per-product' | 'reservations' = 'per-product';

  /**
   * Whether the inventory acts once per `Idempotency-Key`. False by default: an inventory that ignores keys oversells when
   * a call is repeated, and one that honours them only leaves more to a person. The reservations contract demands it.
   */
  @Flag()
  INVENTORY_HONOURS_IDEMPOTENCY_KEYS: boolean = false;

  @HttpUrl()
  NOTIFICATION_SERVICE_URL: string = 'http://notification-service:8082';

  /** Notifications that this instance sends at a time, at most. It starts with 16 and adapts to the service. */
  @WholeNumber(1, MAX_NOTIFICATION_CONCURRENCY)
  NOTIFICATION_CONCURRENCY: number = 128;

  @OptionalHttpUrl()
  PRODUCT_CATALOG_SERVICE_URL?: string;

  /**
   * Calls to the catalog at a time. With 1, it is 1 over all instances, because the catalog of system B mixes up the answers
   * to parallel calls; more than 1 is a limit of each instance.
   */
  @WholeNumber(1, 100)
  PRODUCT_CATALOG_CONCURRENCY: number = 1;

  @OptionalHttpUrl()
  SHOPPING_CART_SERVICE_URL?: string;

  /** How long names, prices and stock are remembered that orders have looked up; an order is refused on fresh ones only. */
  @WholeNumber(0, 60_000)
  PRODUCT_MEMORY_MS: number = 0;

  @IsIn(['verify', 'trust'])
  PRICE_CHECK: 'verify' | 'trust' = 'verify';

  @IsIn(CURRENCIES, { message: 'must be an ISO 4217 currency code such as USD' })
  DEFAULT_CURRENCY: string = 'USD';

  /** Timeout of one attempt of one call to another service; 10 s for notifications and cart checkouts. */
  @WholeNumber(50, MAX_UPSTREAM_TIMEOUT_MS)
  UPSTREAM_TIMEOUT_MS: number = 2_000;

  /** Deadline of an order; all calls and their retries fit into it. */
  @WholeNumber(100, 120_000)
  REQUEST_DEADLINE_MS: number = 10_000;

  /** How long recovery drives an unsettled order forward before it takes the order back. */
  @WholeNumber(200, 86_400_000)
  RECOVERY_WINDOW_MS: number = 60_000;

  /** How often each instance looks for abandoned placements. */
  @WholeNumber(50, 60_000)
  RECOVERY_INTERVAL_MS: number = 1_000;

  /**
   * `async`: orders are stored and answered with 202 before their placement completes, as if every client preferred
   * it.
   */
  @IsIn(['sync', 'async'])
  PLACEMENT_MODE: 'sync' | 'async' = 'sync';

  /** Orders that this instance places at the same time; beyond it they are refused at once. */
  @WholeNumber(1, 10_000)
  MAX_PLACEMENTS: number = 32;

  /** Placements at the same time that are written together, in one transaction, at most; 1 for each on its own. */
  @WholeNumber(1, 500)
  PLACEMENT_BATCH_SIZE: number = 64;

  /** How long the service keeps serving, but not ready, after the signal to stop. */
  @WholeNumber(0, 300_000)
  SHUTDOWN_DELAY_MS: number = 0;

  /** Lifetime of an `Idempotency-Key`. */
  @WholeNumber(1, 8_760)
  IDEMPOTENCY_KEY_HOURS: number = 24;

  /** Days for which rejected orders are kept; 0 keeps them for ever. */
  @WholeNumber(0, 36_500)
  REJECTED_ORDER_DAYS: number = 0;

  /** How often each instance deletes expired keys and rejected orders. */
  @WholeNumber(50, 3_600_000)
  PURGE_INTERVAL_MS: number = 60_000;

  /**
   * Retries of a task before it becomes an incident. With the longest backoff the default lasts for three days:
   * longer than an unattended weekend.
   */
  @WholeNumber(0, 1_000_000)
  JOB_RETRY_LIMIT: number = 9_000;

  /** Longest wait between two attempts at a background job; short, so that a service that is back is found soon. */
  @WholeNumber(1, 3_600)
  JOB_RETRY_MAX_SECONDS: number = 30;

  /** Where traces are sent, with `/v1/traces` added to it. Traces are recorded where this or the next is set. */
  @OptionalHttpUrl()
  OTEL_EXPORTER_OTLP_ENDPOINT?: string;

  /** Where traces are sent, as it is. */
  @OptionalHttpUrl()
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string;

  /** The only supported protocol: another one would go to an endpoint that does not understand it. */
  @IsIn(['http/protobuf'])
  OTEL_EXPORTER_OTLP_PROTOCOL: string = 'http/protobuf';

  @IsIn(['otlp', 'none'])
  OTEL_TRACES_EXPORTER: 'otlp' | 'none' = 'otlp';

  /** Turns traces off, regardless of the other settings. */
  @Flag()
  OTEL_SDK_DISABLED: boolean = false;

  @IsIn(TRACE_SAMPLERS)
  OTEL_TRACES_SAMPLER: (typeof TRACE_SAMPLERS)[number] = 'parentbased_always_on';

  /** Which part of all traces is recorded, for the samplers by ratio. */
  @Type(() => Number)
  @IsNumber()
  @Min(0)
  @Max(1)
  OTEL_TRACES_SAMPLER_ARG: number = 1;

  /** URL of the fault harness, which is called at every pause point. */
  @OptionalHttpUrl()
  PAUSE_POINTS_URL?: string;
}
