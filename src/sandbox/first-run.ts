import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadSettings, SettingsError } from '../config/load-settings.js';
import type { Settings } from '../config/settings.js';
import type { RunningService } from '../main.js';
import {
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  startEmbeddedPostgres,
} from '../platform/database/embedded-postgres.js';
import { hasCode, messageOf } from './input.js';
import { DEFAULT_PORTS, PortTaken, type Sandbox, startSandbox } from './sandbox.js';
import type { ServiceName } from './service-server.js';

/** Two levels above this file, in `dist` as in `src`: the data are found again from wherever it is started. */
const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

const HELP = `Starts the order service with whatever it needs and has not been given.

Usage: npm start [-- options]

  --data <folder>               where data are kept from one start to the next (default: .data in the project)
  --inventory-port <port>       of the stand-in for the inventory (default: ${DEFAULT_PORTS.inventory})
  --notification-port <port>    of the one for notifications (default: ${DEFAULT_PORTS.notification})
  --catalog-port <port>         of the one for the product catalog (default: ${DEFAULT_PORTS.catalog})
  --carts-port <port>           of the one for shopping carts (default: ${DEFAULT_PORTS.carts})
  --help                        show this text

Settings are environment variables, for example PORT=8090 npm start. What they name is not started in its place:

  DATABASE_URL                  otherwise a PostgreSQL is started that needs no installation
  INVENTORY_SERVICE_URL, NOTIFICATION_SERVICE_URL, PRODUCT_CATALOG_SERVICE_URL, SHOPPING_CART_SERVICE_URL
                                otherwise stand-ins are started, with products 1 to 5 and PROD001 to PROD005

With NODE_ENV=production nothing is started but the service.
`;

const EXIT_FAILED = 1;
const EXIT_WRONG_ARGUMENTS = 2;
const EXIT_FORCED = 130;

/** npm passes a Ctrl-C on to a process that has it from the terminal already: these two are one. */
const SAME_SIGNAL_MS = 500;

/** Stands for the database that is yet to be started while the other settings are checked. */
const DATABASE_TO_COME = 'postgres://127.0.0.1/orders';

/** The settings that name the services which the stand-ins stand for. */
const VARIABLES = {
  inventory: 'INVENTORY_SERVICE_URL',
  notification: 'NOTIFICATION_SERVICE_URL',
  catalog: 'PRODUCT_CATALOG_SERVICE_URL',
  carts: 'SHOPPING_CART_SERVICE_URL',
} as const satisfies Record<ServiceName, string>;

type Environment = Record<string, string | undefined>;

interface Options {
  data: string;
  ports: Record<ServiceName, number>;
}

/** What is to be started besides the service, and where. */
interface Plan {
  options: Options;
  settings: Settings;
  database: boolean;
  standIns: ServiceName[];
}

/** A reason not to start, for the person who started it. */
class Refusal extends Error {
  constructor(
    message: string,
    readonly exitCode = EXIT_FAILED,
  ) {
    super(message);
    this.name = 'Refusal';
  }
}

function readPort(value: string | undefined, name: ServiceName): number {
  if (value === undefined) return DEFAULT_PORTS[name];
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
  throw new Refusal(
    `--${name}-port must be an integer from 0 to 65535, not "${value}"`,
    EXIT_WRONG_ARGUMENTS,
  );
}

function parse(args: string[]) {
  const text = { type: 'string' } as const;
  const stock = { 'inventory-port': text, 'catalog-port': text };
  const ports = { ...stock, 'notification-port': text, 'carts-port': text };
  try {
    return parseArgs({ args, options: { data: text, ...ports, help: { type: 'boolean' } } }).values;
  } catch (error) {
    throw new Refusal(`${messageOf(error)}\nSee npm start -- --help.`, EXIT_WRONG_ARGUMENTS);
  }
}

/** @returns what the arguments ask for, or null when they ask for help */
function readOptions(args: string[]): Options | null {
  const values = parse(args);
  if (values.help) return null;
  return {
    data: values.data === undefined ? join(PROJECT, '.data') : resolve(values.data),
    ports: {
      inventory: readPort(values['inventory-port'], 'inventory'),
      notification: readPort(values['notification-port'], 'notification'),
      catalog: readPort(values['catalog-port'], 'catalog'),
      carts: readPort(values['carts-port'], 'carts'),
    },
  };
}

/** @throws {SettingsError} for wrong settings, before anything is started */
function makePlan(options: Options, environment: Environment): Plan {
  const database = !environment['DATABASE_URL'];
  const settings = loadSettings(database ? { ...environment, DATABASE_URL: DATABASE_TO_COME } : environment);
  const standIns: ServiceName[] = [];
  // A catalog takes the place of the inventory. The stand-ins of both show the same stock.
  const noStock = !environment[VARIABLES.catalog] && !environment[VARIABLES.inventory];
  if (noStock) standIns.push('inventory', 'catalog');
  if (!environment[VARIABLES.notification]) standIns.push('notification');
  if (!environment[VARIABLES.carts]) standIns.push('carts');
  return { options, settings, database, standIns };
}

/** Opens every port for a moment, all at the same time, so that two of the same number are noticed as well. */
async function checkPorts({ options, settings, standIns }: Plan): Promise<void> {
  const wanted = [
    { port: settings.PORT, host: settings.HOST, purpose: 'the service', remedy: 'PORT=8090 npm start' },
    ...standIns.map((name) => ({
      port: options.ports[name],
      host: '127.0.0.1',
      purpose: `the stand-in for ${name}`,
      remedy: `npm start -- --${name}-port ${DEFAULT_PORTS[name] + 1_000}`,
    })),
  ];
  const servers: Server[] = [];
  try {
    for (const { port, host, purpose, remedy } of wanted) {
      const server = createServer().listen({ port, host });
      servers.push(server);
      await once(server, 'listening').catch((error: unknown) => {
        const problem = hasCode(error, 'EADDRINUSE') ? 'it is in use already' : messageOf(error);
        const message = `Port ${port} on ${host}, needed for ${purpose}: ${problem}. Choose another one: ${remedy}`;
        throw new Refusal(message);
      });
    }
  } finally {
    await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  }
}

/** What the first Ctrl-C asks for; a second one does not wait for it. */
class Interruption {
  readonly happened: Promise<void>;
  #since: number | undefined;

  constructor() {
    this.happened = new Promise((settle) => {
      const interrupt = (): void => {
        this.#since ??= performance.now();
        // What the service was still answering is lost then; the database ends by itself with this process.
        if (performance.now() - this.#since > SAME_SIGNAL_MS) process.exit(EXIT_FORCED);
        settle();
      };
      process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
    });
  }

  get isPending(): boolean {
    return this.#since !== undefined;
  }
}

/** Everything that runs, to be stopped in the reverse order: the service finishes first what needs the others. */
class Running {
  database?: EmbeddedPostgres;
  sandbox?: Sandbox;
  service?: RunningService;

  async stop(): Promise<void> {
    for (const stop of [
      () => this.service?.stop(),
      () => this.sandbox?.close(),
      () => this.database?.stop(),
    ]) {
      try {
        await stop();
      } catch (error) {
        // Whatever one of them has to say, the others have to be stopped too.
        process.stderr.write(`${messageOf(error)}\n`);
      }
    }
  }
}

async function startDatabase(folder: string, environment: Environment): Promise<EmbeddedPostgres> {
  process.stdout.write('Starting PostgreSQL ...\n');
  const database = await startEmbeddedPostgres({
    dataDirectory: join(folder, 'postgres'),
    database: 'orders',
  });
  environment['DATABASE_URL'] = database.url;
  return database;
}

async function startStandIns(todo: Plan, environment: Environment): Promise<Sandbox> {
  const { options, settings, standIns: services } = todo;
  const stateFile = join(options.data, 'sandbox.json');
  // As the service is told to expect it.
  const honourIdempotencyKeys =
    settings.INVENTORY_HONOURS_IDEMPOTENCY_KEYS || settings.INVENTORY_API === 'reservations';
  const sandbox = await startSandbox({ services, ports: options.ports, stateFile, honourIdempotencyKeys });
  for (const name of services) {
    // Naming the catalog would make the service use it in place of the inventory: only who wants that names it.
    if (name !== 'catalog') environment[VARIABLES[name]] = sandbox.urls[name];
  }
  return sandbox;
}

/** Loaded only when everything it needs is there: it is the larger part of the program. */
async function startTheService(): Promise<RunningService> {
  const { startService } = await import('../main.js');
  return startService();
}

function indent(lines: string[]): string {
  return lines.map((line) => `  ${line}\n`).join('');
}

function describe(todo: Plan, { database, sandbox, service }: Running): string {
  const url = service?.url.replace(/\/\/(127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?=:|$)/, '//localhost');
  const console = todo.settings.ADMIN_CONSOLE ? [`Admin console    ${url}/admin`] : [];
  const lines = [`Order service    ${url}`, ...console, `API, to try out  ${url}/docs`];
  if (database) {
    const { port, pathname } = new URL(database.url);
    const psql = `PGPASSWORD=$(cat '${database.passwordFile}') psql -h 127.0.0.1 -p ${port} -U postgres ${pathname.slice(1)}`;
    lines.push(`PostgreSQL       ${psql}`);
  }
  lines.push(...todo.standIns.map((name) => `${name.padEnd(16)} ${sandbox?.urls[name]} (stand-in)`));
  const order = JSON.stringify({
    customer_name: 'Alice Johnson',
    customer_email: 'alice@example.com',
    items: [
      { product_id: 'PROD001', quantity: 1, price: 79.99 },
      { product_id: 'PROD002', quantity: 2, price: 29.99 },
    ],
  });
  const post = `curl -X POST ${url}/orders`;
  const commands = [`${post} -H 'Content-Type: application/json' -d '${order}'`, `curl ${url}/orders`];
  if (todo.standIns.includes('carts')) commands.push(`${post}/1   # orders the cart of customer 1`);
  return `\nEverything runs.\n\n${indent(lines)}\nTry:\n\n${indent(commands)}\nCtrl-C stops it all; the data stay in ${todo.options.data}\n\n`;
}

async function run(args: string[], environment: Environment): Promise<void> {
  const options = readOptions(args);
  if (!options) {
    process.stdout.write(HELP);
    return;
  }
  const interruption = new Interruption();
  const running = new Running();
  try {
    // In production nothing may stand in for what was forgotten: the service itself says what is missing.
    const todo = environment['NODE_ENV'] === 'production' ? undefined : makePlan(options, environment);
    if (todo) await checkPorts(todo);
    if (todo?.database) running.database = await startDatabase(options.data, environment);
    if (todo && !interruption.isPending) running.sandbox = await startStandIns(todo, environment);
    if (!interruption.isPending) running.service = await startTheService();
    if (todo && !interruption.isPending) process.stdout.write(describe(todo, running));
    await interruption.happened;
  } finally {
    await running.stop();
  }
}

async function main(): Promise<void> {
  try {
    await run(process.argv.slice(2), process.env);
    process.exit();
  } catch (error) {
    const forPeople =
      [Refusal, SettingsError, EmbeddedPostgresError, PortTaken].some((type) => error instanceof type) ||
      (error instanceof Error && 'code' in error);
    process.stderr.write(`${forPeople || !(error instanceof Error) ? messageOf(error) : error.stack}\n`);
    process.exit(error instanceof Refusal ? error.exitCode : EXIT_FAILED);
  }
}

await main();
