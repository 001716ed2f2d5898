import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApplication } from '../../src/application.js';
import { loadSettings } from '../../src/config/load-settings.js';
import type { ConnectionLimits } from '../../src/platform/http/edge/connection-limits.js';
import { READER_LIMITS, type ReaderLimits } from '../../src/platform/http/load/slow-readers.js';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.js';
import { type Api, createApi } from './client.js';
import { checkAnswer, targetOf } from './contract/check.js';
import { checkLog, rememberSecrets, watchedLog } from './log-watch.js';
import { createTestDatabase, type TestDatabase } from './database.js';

/** Any free port. */
const ANY_PORTS = { inventory: 0, notification: 0, catalog: 0, carts: 0 };

/** What a test of the whole service works with: real HTTP in, a real database, real HTTP out. */
export interface TestService {
  /** Where the service listens, as in `http://127.0.0.1:4711`. */
  url: string;
  app: NestFastifyApplication;
  /** For requests as the OpenAPI document has them. */
  api: Api;
  sandbox: Sandbox;
  database: TestDatabase;
  /** Sends any request, for those that the typed client would not; a body that is no string is sent as JSON. */
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
  // Tests look into answers of many forms; what they find is compared, not computed with.
  // oxlint-disable-next-line typescript/no-explicit-any -- the form of an answer is what the tests check
  body: any;
}

export interface TestServiceOptions {
  /** Settings that differ from those of a test, by the names of their environment variables. */
  settings?: Record<string, string>;
  sandbox?: SandboxOptions;
  /** How long clients may take, where a test can't wait for as long as usual. */
  limits?: ConnectionLimits;
  /** How slowly they may read, in the same tests. */
  readers?: Partial<ReaderLimits>;
  /** Stand-ins and database of another instance, to run two against the same. */
  beside?: Pick<TestService, 'sandbox' | 'database'>;
}

/** The settings by which a service in a test uses the stand-ins and the database that were made for it. */
export function testSettings(sandbox: Sandbox, databaseUrl: string): Record<string, string> {
  return {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'trace',
    DATABASE_URL: databaseUrl,
    MIGRATE_ON_START: 'false',
    // Tests send hundreds of orders at once to see what becomes of them; that too many are refused is a test of its own.
    MAX_PLACEMENTS: '1000',
    INVENTORY_SERVICE_URL: sandbox.urls.inventory,
    // As the stand-ins do unless a test wants them to ignore keys.
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
 * Sends a request, whatever it is, and reads the answer, as JSON where it is.
 *
 * @throws {Error} when the answer is not as the OpenAPI document says
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

/** Reads an answer, and compares it with the OpenAPI document. */
export async function readAnswer(method: string, url: string, response: Response): Promise<TestResponse> {
  const { status, headers } = response;
  const text = await response.text();
  checkAnswer({ method, target: targetOf(url), status, headers, text });
  // The answer to HEAD has a type and no body.
  const isJson = text !== '' && /\bjson\b/.test(headers.get('content-type') ?? '');
  return { status, headers, body: isJson ? (JSON.parse(text) as unknown) : text };
}

/** Less than a test may take. A busy machine needs ten times as long as an idle one. */
const EVENTUALLY_MS = 25_000;

/** Waits until `check` gives a value that is not falsy, and returns it; fails after the time with what it last gave. */
export async function eventually<T>(
  check: () => Promise<T> | T,
  timeoutMs = EVENTUALLY_MS,
): Promise<NonNullable<T>> {
  const giveUpAt = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > giveUpAt) throw new Error(`it did not happen within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
