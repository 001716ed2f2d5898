import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApplication } from '../../src/application.js';
import { loadSettings } from '../../src/config/load-settings.js';
import type { ConnectionLimits } from '../../src/platform/http/edge/connection-limits.js';
import { READER_LIMITS, type ReaderLimits } from '../../src/platform/http/load/slow-readers.js';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/sandbox.js';
import { type Api, createApi } from './client.js';
import { checkAnswer, targetOf } from './contract/check.js';
import { checkLog, rememberSecrets, rememberShownSecrets, watchedLog } from './log-watch.js';
import { createTestDatabase, type TestDatabase } from './database.js';

/** Any free port. */
const ANY_PORTS = { inventory: 0, notification: 0, catalog: 0, carts: 0 };

/** The parts of a test of the whole service: real HTTP in, a real database, real HTTP out. */
export interface TestService {
  /** Base URL of the service, such as `http://127.0.0.1:4711`. */
  url: string;
  app: NestFastifyApplication;
  /** Client for requests that match the OpenAPI document. */
  api: Api;
  sandbox: Sandbox;
  database: TestDatabase;
  /** Sends any request that the typed client does not allow; a body that is not a string is sent as JSON. */
  request(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<TestResponse>;
  stop(): Promise<void>;
}

export interface TestResponse {
  status: number;
  headers: Headers;
  // Tests read responses of many forms and only compare their values.
  // oxlint-disable-next-line typescript/no-explicit-any -- the tests check the form of the response
  body: any;
}

export interface TestServiceOptions {
  /** Settings that differ from those of a test, by the names of their environment variables. */
  settings?: Record<string, string>;
  sandbox?: SandboxOptions;
  /** Time limits for slow clients, for tests that can't wait for the usual ones. */
  limits?: ConnectionLimits;
  /** Minimum read rate of clients, for the same tests. */
  readers?: Partial<ReaderLimits>;
  /** Stand-ins and database of another instance, to share them. */
  beside?: Pick<TestService, 'sandbox' | 'database'>;
}

/** The settings with which a service in a test uses its stand-ins and its database. */
export function testSettings(sandbox: Sandbox, databaseUrl: string): Record<string, string> {
  return {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'trace',
    DATABASE_URL: databaseUrl,
    MIGRATE_ON_START: 'false',
    // Tests send hundreds of orders at once; other tests cover the limit of concurrent placements.
    MAX_PLACEMENTS: '1000',
    INVENTORY_SERVICE_URL: sandbox.urls.inventory,
    // As the stand-ins do by default.
    INVENTORY_HONOURS_IDEMPOTENCY_KEYS: 'true',
    NOTIFICATION_SERVICE_URL: sandbox.urls.notification,
    SHOPPING_CART_SERVICE_URL: sandbox.urls.carts,
  };
}

/** Starts the service in this process. */
export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const database = options.beside?.database ?? (await createTestDatabase());
  const sandbox = options.beside?.sandbox ?? (await startSandbox({ ports: ANY_PORTS, ...options.sandbox }));
  const settings = loadSettings({ ...testSettings(sandbox, database.url), ...options.settings });
  const app = await createApplication(settings, {
    limits: options.limits,
    readers: { ...READER_LIMITS, ...options.readers },
    logTo: watchedLog,
  });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  return {
    url,
    app,
    api: createApi(url),
    sandbox,
    database,
    request: (method, path, body, headers) => send(`${url}${path}`, method, body, headers),
    stop: async () => {
      await app.close();
      if (!options.beside) {
        await sandbox.close();
        await database.drop();
      }
      checkLog();
    },
  };
}

/**
 * Sends any request and reads the response, as JSON if possible.
 *
 * @throws {Error} when the response does not match the OpenAPI document
 */
export async function send(
  url: string,
  method: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<TestResponse> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const request = new Request(url, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(text !== undefined && { body: text }),
  });
  rememberSecrets(url, request.headers, text ?? '');
  const response = await fetch(request);
  return readAnswer(method, url, response);
}

/** Reads a response, and compares it with the OpenAPI document. */
export async function readAnswer(method: string, url: string, response: Response): Promise<TestResponse> {
  const { status, headers } = response;
  const text = await response.text();
  rememberShownSecrets(text);
  checkAnswer({ method, target: targetOf(url), status, headers, text });
  // The response to HEAD has a type and no body.
  const isJson = text !== '' && /\bjson\b/.test(headers.get('content-type') ?? '');
  return { status, headers, body: isJson ? (JSON.parse(text) as unknown) : text };
}

/** Less than the timeout of a test. A busy machine needs ten times as long as an idle one. */
const EVENTUALLY_MS = 25_000;

/** Waits until `check` returns a truthy value, and returns it; fails after the time with its last value. */
export async function eventually<T>(
  check: () => Promise<T> | T,
  timeoutMs = EVENTUALLY_MS,
): Promise<NonNullable<T>> {
  const giveUpAt = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > giveUpAt) throw new Error(`condition not met within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
