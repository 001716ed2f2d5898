import { IsIn, IsOptional, IsString, Matches } from 'class-validator';
import { Flag, Networks, OptionalHttpUrl, Origins, WholeNumber } from './setting.decorators.js';

/** Authentication methods. */
export const AUTH_MODES = ['none', 'jwt', 'api-key', 'jwt,api-key', 'api-key,jwt'] as const;

/** Asymmetric signatures: with `none` or `HS256` every verifier of a token could also issue one. */
const SIGNATURE = '(RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|EdDSA)';

/** The settings of the interface to callers; see `Settings` for the form of the comments. */
export class HttpSettings {
  // ## Server

  /** `production`: logs are JSON, `AUTH` must be set, and `npm start` starts nothing but the service. */
  @IsIn(['development', 'test', 'production'])
  NODE_ENV: 'development' | 'test' | 'production' = 'development';

  /**
   * Address to listen on. In production, and in the container image, the default is `0.0.0.0`: every address of the machine.
   * Elsewhere it is loopback, because callers are not authenticated by default.
   */
  @IsString()
  HOST!: string;

  /** Port to listen on. */
  @WholeNumber(0, 65_535)
  PORT: number = 8080;

  /** Port for `/metrics` alone, for networks where it is reached apart from the API. Without it, metrics are at `PORT`. */
  @IsOptional()
  @WholeNumber(1, 65_535)
  METRICS_PORT?: number;

  /**
   * Addresses or networks of the proxies in front, separated by commas, as in `10.0.0.0/8`. `X-Forwarded-For` is trusted only from
   * these: any client can send that header.
   */
  @Networks()
  TRUST_PROXY: string[] = [];

  /**
   * How long a connection stays open between two requests. It must be longer than the idle timeout of the load balancer in front,
   * often a minute: otherwise a request on a connection that is being closed fails with 502 (docs/timeouts.md).
   */
  @WholeNumber(1_000, 3_600_000)
  KEEP_ALIVE_TIMEOUT_MS: number = 72_000;

  /**
   * After SIGTERM: how long to keep serving while not ready; longer than your load balancer needs to react. The image sets
   * 5000.
   */
  @WholeNumber(0, 300_000)
  SHUTDOWN_DELAY_MS: number = 0;

  /** Sites whose pages may call from a browser, separated by commas, as in `https://shop.example.com`. */
  @Origins()
  CORS_ORIGINS: string[] = [];

  /**
   * Requests a minute that **each instance** answers to one caller, which is its identity or else its address; beyond it 429.
   * `0` turns the limit off.
   */
  @WholeNumber(0, 1_000_000)
  RATE_LIMIT_PER_MINUTE: number = 0;

  /** Whether a status change requires `If-Match` with the version that was read; without it 428. */
  @Flag()
  REQUIRE_IF_MATCH: boolean = false;

  /** Lowest level that is logged. */
  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  LOG_LEVEL: string = 'info';

  // ## Authentication and access

  /**
   * Authentication methods: `none` admits every caller and is refused in production; `jwt` takes bearer tokens, `api-key` keys,
   * `jwt,api-key` both.
   */
  @IsIn(AUTH_MODES, { message: 'must be none, jwt, api-key or jwt,api-key' })
  AUTH: (typeof AUTH_MODES)[number] = 'none';

  /** Required value of the claim `iss`, compared character by character. Needed for `jwt`. */
  @IsOptional()
  @IsString()
  JWT_ISSUER?: string;

  /** Value that the claim `aud` must contain. Needed for `jwt`. */
  @IsOptional()
  @IsString()
  JWT_AUDIENCE?: string;

  /**
   * Where the issuer publishes its keys. They are fetched again every ten minutes, and at once (at most once a second) for an
   * unknown key. Needed for `jwt`.
   */
  @OptionalHttpUrl()
  JWT_JWKS_URL?: string;

  /** Accepted signature algorithms, as in `RS256,ES256`; asymmetric ones only. */
  @Matches(new RegExp(`^${SIGNATURE}(,${SIGNATURE})*$`), {
    message: 'must be a list of asymmetric algorithms such as RS256,ES256',
  })
  JWT_ALGORITHMS: string = 'RS256';

  /** Maximum difference between the clocks of issuer and service; more would keep expired tokens alive. */
  @WholeNumber(0, 300)
  JWT_CLOCK_TOLERANCE_SECONDS: number = 30;

  /** Claim that holds the customer's id; responses quote its name in a header. */
  @Matches(/^[!#-[\]-~]+$/, { message: 'must be the name of a claim' })
  JWT_CUSTOMER_CLAIM: string = 'sub';

  /** File with the list of keys; see `npm run api-key -- --help`. Needed for `api-key`, unless `API_KEYS` is set. */
  @IsOptional()
  @IsString()
  API_KEYS_FILE?: string;

  /** The list of keys itself, as JSON, for hosts without files. */
  @IsOptional()
  @IsString()
  API_KEYS?: string;

  /** `false`: `/health*` requires a token or a key, with any scopes. */
  @Flag()
  HEALTH_PUBLIC: boolean = true;

  /** `false`: `/docs*` requires a token or a key, with any scopes. */
  @Flag()
  DOCS_PUBLIC: boolean = true;

  /** `false`: there is nothing at `/admin`. */
  @Flag()
  ADMIN_CONSOLE: boolean = true;
}
