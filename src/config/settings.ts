import { CURRENCIES } from './currencies.js';
import { Type } from 'class-transformer';
import { IsIn, IsNumber, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import { HttpSettings } from './http.settings.js';
import { Flag, HttpUrl, Networks, OptionalHttpUrl, WholeNumber } from './setting.decorators.js';

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

/** Above the number of connections to one service, notifications would wait in this process. */
const MAX_NOTIFICATION_CONCURRENCY = 128;

/** 30 days: bank transfers take a few, and stock that is held is sold to no one else. */
export const LONGEST_HOLD_SECONDS = 2_592_000;

/** The maximum duration of a background task: see docs/timeouts.md. */
const MAX_UPSTREAM_TIMEOUT_MS = 10_000;

const KEY_OF_32_BYTES = '[A-Za-z0-9+/]{43}=';

/**
 * Every setting of the service, under the name of its environment variable, with its default.
 *
 * Times are in the unit that the name ends with. `npm run reference` makes `docs/reference/settings.md` from the fields, their
 * validation and their comments, which are for operators; a comment that starts with `##` is the heading of a group.
 */
export class Settings extends HttpSettings {
  // ## Database

  /**
   * `postgres://user:password@host:5432/database`. What it leaves out is taken from `PGHOST`, `PGPORT`, `PGDATABASE`, `PGUSER`,
   * `PGPASSWORD` and `PGPASSFILE`; other `PG*` variables, such as `PGSSLMODE`, are ignored.
   */
  @Matches(/^postgres(ql)?:\/\/\S+$/, {
    message: 'must be a URL such as postgres://user:password@host:5432/orders',
  })
  DATABASE_URL!: string;

  /**
   * `require`: encrypted, without a check of the server. `verify`: certificate and name are checked against
   * `DATABASE_TLS_CA_FILE`. `rds`: they are checked against Amazon's published authorities.
   */
  @IsIn(DATABASE_TLS_MODES)
  DATABASE_TLS: (typeof DATABASE_TLS_MODES)[number] = 'off';

  /** PEM file of the authority to trust. Needed for `verify`. */
  @IsOptional()
  @IsString()
  DATABASE_TLS_CA_FILE?: string;

  /** Connections for requests; background work has four of its own. */
  @WholeNumber(2, 500)
  DATABASE_POOL_SIZE: number = 10;

  /** Create and upgrade tables at the start. `false`: run `npm run migrate` yourself. */
  @Flag()
  MIGRATE_ON_START: boolean = true;

  // ## Other services

  /** The inventory (system A). */
  @HttpUrl()
  INVENTORY_SERVICE_URL: string = 'http://inventory-service:8081';

  /** `reservations`: the inventory reserves whole orders (docs/reservations.md), which is faster. */
  @IsIn(['per-product', 'reservations'])
  INVENTORY_API: 'per-product' | 'reservations' = 'per-product';

  /**
   * `true`: the per-product inventory acts once per `Idempotency-Key`, so calls without a response are retried. `false`: such a call
   * is never retried, and an unknown outcome becomes an incident. Set `true` only if your inventory stores keys: otherwise it
   * oversells. Without effect on `reservations`, whose contract demands keys, and on the catalog.
   */
  @Flag()
  INVENTORY_HONOURS_IDEMPOTENCY_KEYS: boolean = false;

  /** The notification service (system A). */
  @HttpUrl()
  NOTIFICATION_SERVICE_URL: string = 'http://notification-service:8082';

  /**
   * Maximum of concurrent notifications per instance. It starts with 16 and adapts: more while calls stay quick, fewer when they
   * slow down or fail.
   */
  @WholeNumber(1, MAX_NOTIFICATION_CONCURRENCY)
  NOTIFICATION_CONCURRENCY: number = 128;

  /** The catalog (system B). If set, stock is kept there instead of in the inventory. */
  @OptionalHttpUrl()
  PRODUCT_CATALOG_SERVICE_URL?: string;

  /**
   * Concurrent calls to the catalog. `1` is one over all instances, because the catalog of system B mixes up the responses to
   * parallel calls. Set more, which is then per instance, only for a catalog that answers them correctly.
   */
  @WholeNumber(1, 100)
  PRODUCT_CATALOG_CONCURRENCY: number = 1;

  /** The carts (system B). Without it every order names its items. */
  @OptionalHttpUrl()
  SHOPPING_CART_SERVICE_URL?: string;

  /** Timeout of one attempt of one call to another service; 10 s for notifications and cart checkouts. */
  @WholeNumber(50, MAX_UPSTREAM_TIMEOUT_MS)
  UPSTREAM_TIMEOUT_MS: number = 2_000;

  /** How long looked-up names, prices and stock are cached; an order is refused only after a fresh look-up. */
  @WholeNumber(0, 60_000)
  PRODUCT_MEMORY_MS: number = 0;

  // ## Orders

  /** `verify`: a price in a request must be the current one. `trust`: it is used without a comparison. */
  @IsIn(['verify', 'trust'])
  PRICE_CHECK: 'verify' | 'trust' = 'verify';

  /** Currency of the inventory's prices; a currency in use, not a withdrawn one. */
  @IsIn(CURRENCIES, { message: 'must be an ISO 4217 currency code such as USD' })
  DEFAULT_CURRENCY: string = 'USD';

  /** Longest time in seconds that an order may hold its stock for a payment, from when it asks for it. */
  @WholeNumber(60, LONGEST_HOLD_SECONDS)
  HOLD_MAX_SECONDS: number = LONGEST_HOLD_SECONDS;

  /** Whether customers are notified when stock is reserved for their payment, and when the hold expires. */
  @Flag()
  NOTIFY_HOLDS: boolean = false;

  /** `true`: a customer's token may confirm its own reserved order. A payment is usually confirmed by the checkout's key. */
  @Flag()
  ALLOW_CUSTOMER_CONFIRM: boolean = false;

  /** `true`: a payment of another amount or currency than the total confirms an order as well. */
  @Flag()
  ALLOW_PAYMENT_MISMATCH: boolean = false;

  /**
   * Beginning of the numbers that orders get from the sequence, such as `A-` for `A-1001`: up to 12 printable ASCII characters
   * without spaces. Without it they begin at `1001`.
   */
  @IsOptional()
  @Matches(/^[!-~]{1,12}$/, { message: 'must be up to 12 printable ASCII characters without spaces' })
  ORDER_NUMBER_PREFIX?: string;

  /** Deadline of a request, with all calls and their retries; at least three upstream timeouts. */
  @WholeNumber(100, 120_000)
  REQUEST_DEADLINE_MS: number = 10_000;

  /** How long recovery retries a placement before it compensates; at least two request deadlines. */
  @WholeNumber(200, 86_400_000)
  RECOVERY_WINDOW_MS: number = 60_000;

  /** How often each instance looks for pending orders without a running placement. */
  @WholeNumber(50, 60_000)
  RECOVERY_INTERVAL_MS: number = 1_000;

  /** `async`: every order is answered with 202 before its placement completes, as if every client preferred `respond-async`. */
  @IsIn(['sync', 'async'])
  PLACEMENT_MODE: 'sync' | 'async' = 'sync';

  /**
   * Maximum of concurrent placements per instance, lower while the event loop is overloaded. Beyond it the response is 503
   * `overloaded`, at once.
   */
  @WholeNumber(1, 10_000)
  MAX_PLACEMENTS: number = 32;

  /** Maximum of concurrent placements that share a transaction. `1`: each has its own. */
  @WholeNumber(1, 500)
  PLACEMENT_BATCH_SIZE: number = 64;

  /**
   * `q` of lists and exports finds parts of names, e-mail addresses, order ids and products. Their texts are kept in a table of
   * their own, written in the background (docs/operations.md#search). `false`: `q` finds whole values only, and nothing is written.
   */
  @Flag()
  SEARCH_FRAGMENTS: boolean = true;

  // ## Retention

  /** How long an `Idempotency-Key` is kept. */
  @WholeNumber(1, 8_760)
  IDEMPOTENCY_KEY_HOURS: number = 24;

  /**
   * How many days rejected orders are kept, with their lines and history, and never shorter than keys. Those with events that
   * a webhook endpoint has not read are kept up to 30 days longer. `0` keeps them for ever.
   */
  @WholeNumber(0, 36_500)
  REJECTED_ORDER_DAYS: number = 0;

  /** How often each instance deletes expired keys and rejected orders. */
  @WholeNumber(50, 3_600_000)
  PURGE_INTERVAL_MS: number = 60_000;

  // ## Webhooks

  /** Whether endpoints may have `http` URLs. In production the default is `false`. */
  @Flag()
  WEBHOOKS_ALLOW_HTTP: boolean = false;

  /**
   * Addresses or networks, separated by commas, that webhooks may connect to besides the addresses of the internet. In production there
   * are none by default.
   */
  @Networks()
  WEBHOOKS_ALLOWED_NETWORKS: string[] = [];

  /**
   * Encrypts the stored secrets of webhook endpoints: 32 random bytes in base64, as `openssl rand -base64 32` prints. Without it they
   * are stored as they are; secrets from before it was set are encrypted at the next start. Set the same on all instances, and keep it:
   * the service does not start without the key of a stored secret. Of several keys between commas the first encrypts, and all decrypt,
   * so that a key can be replaced (docs/operations.md#replace-the-key-of-webhook-secrets).
   */
  @IsOptional()
  @Matches(new RegExp(`^${KEY_OF_32_BYTES}(,${KEY_OF_32_BYTES})*$`), {
    message: 'must be 32 bytes in base64, or several such keys with commas in between',
  })
  WEBHOOK_SECRET_KEY?: string;

  // ## Background tasks

  /**
   * Retries of a background task, such as a notification, before it becomes an incident. With the longest backoff the default lasts
   * for three days: longer than an unattended weekend.
   */
  @WholeNumber(0, 1_000_000)
  JOB_RETRY_LIMIT: number = 9_000;

  /** Maximum backoff between two attempts; short, so that a service that is back is found soon. */
  @WholeNumber(1, 3_600)
  JOB_RETRY_MAX_SECONDS: number = 30;

  // ## Traces

  /**
   * Where traces are sent, by OTLP over HTTP; `/v1/traces` is added to it. Without this or the next setting there are no traces
   * (docs/operations.md#traces).
   */
  @OptionalHttpUrl()
  OTEL_EXPORTER_OTLP_ENDPOINT?: string;

  /** Where traces are sent, used unchanged. */
  @OptionalHttpUrl()
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string;

  /** The only supported protocol. */
  @IsIn(['http/protobuf'])
  OTEL_EXPORTER_OTLP_PROTOCOL: string = 'http/protobuf';

  /** `none`: no traces. */
  @IsIn(['otlp', 'none'])
  OTEL_TRACES_EXPORTER: 'otlp' | 'none' = 'otlp';

  /** `true`: no traces, regardless of the other settings. */
  @Flag()
  OTEL_SDK_DISABLED: boolean = false;

  /** Which traces are recorded. */
  @IsIn(TRACE_SAMPLERS)
  OTEL_TRACES_SAMPLER: (typeof TRACE_SAMPLERS)[number] = 'parentbased_always_on';

  /** Fraction of traces that is recorded, for the samplers with `traceidratio`. */
  @Type(() => Number)
  @IsNumber()
  @Min(0)
  @Max(1)
  OTEL_TRACES_SAMPLER_ARG: number = 1;

  // ## Tests

  /** URL of the fault harness (`npm run faults`), called at every pause point; refused in production. */
  @OptionalHttpUrl()
  PAUSE_POINTS_URL?: string;
}
