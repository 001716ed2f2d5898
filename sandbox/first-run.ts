import '../src/platform/require-node.ts';
import { join } from 'node:path';
import { describeReach } from '../src/config/listen-address.ts';
import type { RunningService } from '../src/main.js';
import { endProcess } from '../src/platform/end-process.ts';
import { placeDemoOrders } from './first-run/demo.ts';
import { EXIT_FAILED, HELP, readOptions, Refusal } from './first-run/options.ts';
import { loadBuilt } from './first-run/build.ts';
import { checkPorts, type Environment, makePlan, type Plan, VARIABLES } from './first-run/plan.ts';
import { messageOf } from './input.ts';
import { EmbeddedPostgresError } from './postgres/embedded-postgres.ts';
import { SupervisedPostgres } from './postgres/supervised-postgres.ts';
import { PortTaken, type Sandbox, startSandbox } from './sandbox.ts';

/** npm passes a Ctrl-C on to a process that has it from the terminal already: these two are one. */
const SAME_SIGNAL_MS = 500;

/** The first Ctrl-C stops gracefully; a second one does not wait. */
class Interruption {
  readonly happened: Promise<void>;
  #since: number | undefined;

  constructor() {
    this.happened = new Promise((settle) => {
      const interrupt = (): void => {
        this.#since ??= performance.now();
        // Requests in progress are lost then; the database ends with this process.
        if (performance.now() - this.#since > SAME_SIGNAL_MS) endAtOnce();
        settle();
      };
      process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
    });
  }

  get isPending(): boolean {
    return this.#since !== undefined;
  }
}

/** Leaves the end to the system's handling of Ctrl-C, which waits for nothing. A shell sees status 130. */
function endAtOnce(): void {
  process.removeAllListeners('SIGINT');
  process.kill(process.pid, 'SIGINT');
}

/** Running processes, stopped in reverse order: the service finishes before its dependencies end. */
class Running {
  database?: SupervisedPostgres;
  sandbox?: Sandbox;
  service?: RunningService;
  #stopping: Promise<void> | undefined;

  /** Idempotent. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    for (const stop of [
      () => this.service?.stop(),
      () => this.sandbox?.close(),
      () => this.database?.stop(),
    ]) {
      try {
        await stop();
      } catch (error) {
        // One failure must not keep the other processes running.
        process.stderr.write(`${messageOf(error)}\n`);
      }
    }
  }
}

/** Runs one step of the start, with a line before it and one with its duration after it. */
async function step<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  process.stdout.write(`${name} ...\n`);
  const startedAt = performance.now();
  const result = await work();
  process.stdout.write(`  ${((performance.now() - startedAt) / 1_000).toFixed(1)} s\n`);
  return result;
}

async function startDatabase(folder: string, environment: Environment): Promise<SupervisedPostgres> {
  const database = await step('Starting PostgreSQL', () =>
    SupervisedPostgres.start(
      { dataDirectory: join(folder, 'postgres'), database: 'orders' },
      { report: (line) => process.stderr.write(`${line}\n`) },
    ),
  );
  environment['DATABASE_URL'] = database.url;
  return database;
}

async function startStandIns(todo: Plan, environment: Environment): Promise<Sandbox> {
  const { options, settings, standIns: services } = todo;
  const stateFile = join(options.data, 'sandbox.json');
  // Must match the assumption of the service.
  const honourIdempotencyKeys =
    settings.INVENTORY_HONOURS_IDEMPOTENCY_KEYS || settings.INVENTORY_API === 'reservations';
  const sandbox = await startSandbox({ services, ports: options.ports, stateFile, honourIdempotencyKeys });
  for (const name of services) {
    // With a catalog the service would ignore the inventory, so it is used only on request.
    if (name !== 'catalog') environment[VARIABLES[name]] = sandbox.urls[name];
  }
  return sandbox;
}

/** Loaded only when everything it needs is there: it is the larger part of the program. */
async function startTheService(): Promise<RunningService> {
  const { startService } = await loadBuilt<typeof import('../src/main.js')>('main.js');
  return startService();
}

function indent(lines: string[]): string {
  return lines.map((line) => `  ${line}\n`).join('');
}

function describe(todo: Plan, { database, sandbox, service }: Running): string {
  const url = service?.url.replace(/\/\/(127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?=:|$)/, '//localhost');
  const console = todo.settings.ADMIN_CONSOLE ? [`Admin console    ${url}/admin`] : [];
  const reach = `Reachable        ${describeReach(todo.settings.HOST)}`;
  const lines = [`Order service    ${url}`, reach, ...console, `API, to try out  ${url}/docs`];
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
    // In production no stand-in replaces a missing setting: the service reports it.
    const isProduction = environment['NODE_ENV'] === 'production';
    // At the terminal the addresses stay in view.
    if (!isProduction) environment['LOG_LEVEL'] ||= 'warn';
    const todo = isProduction ? undefined : await makePlan(options, environment);
    if (todo) await checkPorts(todo);
    if (todo?.database) running.database = await startDatabase(options.data, environment);
    if (todo && !interruption.isPending)
      running.sandbox = await step('Starting the stand-ins', () => startStandIns(todo, environment));
    if (!interruption.isPending)
      running.service = todo ? await step('Starting the service', startTheService) : await startTheService();
    const { service } = running;
    if (todo?.options.demo && service && !interruption.isPending)
      await step('Placing demo orders', () => placeDemoOrders(service.url));
    if (todo && !interruption.isPending) process.stdout.write(describe(todo, running));
    const lost = running.database?.lost.then(() => {
      throw new Refusal('The order service ends, because its database is gone.');
    });
    await Promise.race([interruption.happened, ...(lost ? [lost] : [])]);
    if (todo) process.stdout.write('\nStopping; a second Ctrl-C does not wait for requests in progress.\n');
    await running.stop();
    if (todo)
      process.stdout.write(`Stopped. The data stay in ${options.data}; npm start continues with them.\n`);
  } finally {
    await running.stop();
  }
}

async function main(): Promise<void> {
  try {
    await run(process.argv.slice(2), process.env);
    endProcess(0);
  } catch (error) {
    const forPeople =
      [Refusal, EmbeddedPostgresError, PortTaken].some((type) => error instanceof type) ||
      (error instanceof Error && ('code' in error || error.name === 'SettingsError'));
    process.stderr.write(`${forPeople || !(error instanceof Error) ? messageOf(error) : error.stack}\n`);
    endProcess(error instanceof Refusal ? error.exitCode : EXIT_FAILED);
  }
}

await main();
