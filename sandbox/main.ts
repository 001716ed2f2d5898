import '../src/platform/require-node.ts';
import { parseArgs } from 'node:util';
import { endProcess } from '../src/platform/end-process.ts';
import { messageOf } from './input.ts';
import {
  DEFAULT_DELAYS_MS,
  DEFAULT_PORTS,
  type Sandbox,
  type SandboxOptions,
  startSandbox,
} from './sandbox.ts';
import { MAX_ANSWER_DELAY_MS, SERVICE_NAMES } from './service-server.ts';

/** A day: longer than any test or campaign. */
const MAX_RESERVATION_S = 86_400;

const HELP = `Stand-ins for the services that the order service calls.

Usage: node sandbox/main.ts [options]

  --service <name>              inventory, notification, catalog, carts or all (default: all);
                                inventory and catalog share their stock only within one process
  --host <address>              where to listen (default: 127.0.0.1; in a container: 0.0.0.0)
  --inventory-port <port>       default: ${DEFAULT_PORTS.inventory}; 0 is any free port
  --notification-port <port>    default: ${DEFAULT_PORTS.notification}
  --catalog-port <port>         default: ${DEFAULT_PORTS.catalog}
  --carts-port <port>           default: ${DEFAULT_PORTS.carts}
  --state-file <file>           keep the state in this file from one start to the next
  --ignore-idempotency-keys     act again on every repeated call
  --catalog-shares-cursor       let parallel calls to the catalog disturb each other
  --carts-carry-items           answer GET /carts/{customer_id} with the cart's items too
  --max-reservation-seconds <s> hold reservations of the inventory for so long at most, 1 to ${MAX_RESERVATION_S};
                                a call about one begins the time again
  --notification-delay-ms <ms>  0 to ${MAX_ANSWER_DELAY_MS} (default: ${DEFAULT_DELAYS_MS.notification})
  --help                        show this text

Each server has control calls: GET /sandbox/stock, /ledger, /notifications, /carts, /calls, /faults and others.
They have no authentication and can change everything.
`;

const EXIT_FAILED = 1;
const EXIT_WRONG_ARGUMENTS = 2;

class WrongArguments extends Error {}

function readWhole(text: string | undefined, option: string, max: number, min = 0): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,5}$/.test(text) || Number(text) > max || Number(text) < min) {
    throw new WrongArguments(`--${option} must be an integer from ${min} to ${max}, not "${text}"`);
  }
  return Number(text);
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        service: { type: 'string', default: 'all' },
        host: { type: 'string' },
        'inventory-port': { type: 'string' },
        'notification-port': { type: 'string' },
        'catalog-port': { type: 'string' },
        'carts-port': { type: 'string' },
        'state-file': { type: 'string' },
        'ignore-idempotency-keys': { type: 'boolean', default: false },
        'catalog-shares-cursor': { type: 'boolean', default: false },
        'carts-carry-items': { type: 'boolean', default: false },
        'max-reservation-seconds': { type: 'string' },
        'notification-delay-ms': { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new WrongArguments(messageOf(error));
  }
}

/** @returns what the arguments ask for, or null when they ask for help */
function readOptions(args: string[]): SandboxOptions | null {
  const values = parse(args);
  if (values.help) return null;
  const service = SERVICE_NAMES.find((name) => name === values.service);
  if (!service && values.service !== 'all') {
    throw new WrongArguments(
      `--service must be one of ${SERVICE_NAMES.join(', ')}, all, not "${values.service}"`,
    );
  }
  const port = (option: 'inventory-port' | 'notification-port' | 'catalog-port' | 'carts-port') =>
    readWhole(values[option], option, 65_535);
  const delay = 'notification-delay-ms';
  const lifetime = 'max-reservation-seconds';
  const seconds = readWhole(values[lifetime], lifetime, MAX_RESERVATION_S, 1);
  return {
    services: service ? [service] : SERVICE_NAMES,
    host: values.host,
    ports: {
      inventory: port('inventory-port'),
      notification: port('notification-port'),
      catalog: port('catalog-port'),
      carts: port('carts-port'),
    },
    delaysMs: { notification: readWhole(values[delay], delay, MAX_ANSWER_DELAY_MS) },
    ...(seconds !== undefined && { maxReservationMs: seconds * 1_000 }),
    stateFile: values['state-file'],
    honourIdempotencyKeys: !values['ignore-idempotency-keys'],
    catalogSharesCursor: values['catalog-shares-cursor'],
    cartsCarryItems: values['carts-carry-items'],
  };
}

function closeOnSignal(sandbox: Sandbox): void {
  const close = (): void => {
    // Without the listeners a second signal ends the process at once.
    process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT');
    void sandbox.close();
  };
  process.once('SIGTERM', close).once('SIGINT', close);
}

async function main(): Promise<void> {
  try {
    const options = readOptions(process.argv.slice(2));
    if (!options) {
      process.stdout.write(HELP);
      return;
    }
    const sandbox = await startSandbox(options);
    closeOnSignal(sandbox);
    for (const name of SERVICE_NAMES) {
      if (!sandbox.services[name].listening) continue;
      process.stdout.write(`${name.padEnd(12)} listens on ${sandbox.urls[name]}\n`);
    }
  } catch (error) {
    const message = messageOf(error);
    const wrong = error instanceof WrongArguments;
    process.stderr.write(wrong ? `${message}\nSee --help.\n` : `${message}\n`);
    endProcess(wrong ? EXIT_WRONG_ARGUMENTS : EXIT_FAILED);
  }
}

await main();
