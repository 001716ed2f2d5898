import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../input.ts';
import { DEFAULT_PORTS } from '../sandbox.ts';
import type { ServiceName } from '../service-server.ts';

/** The project's root, so that the data are found from any working directory. */
const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

export const HELP = `Starts the order service, and a stand-in for every dependency without a setting.

Usage: npm start [-- options]

  --data <folder>               where data are kept from one start to the next (default: .data in the project)
  --inventory-port <port>       of the stand-in for the inventory (default: ${DEFAULT_PORTS.inventory})
  --notification-port <port>    of the one for notifications (default: ${DEFAULT_PORTS.notification})
  --catalog-port <port>         of the one for the product catalog (default: ${DEFAULT_PORTS.catalog})
  --carts-port <port>           of the one for shopping carts (default: ${DEFAULT_PORTS.carts})
  --demo                        place some orders, to have something to look at
  --help                        show this text

Settings are environment variables, for example PORT=8090 npm start; LOG_LEVEL=info logs every request. What these name
is not started in its place:

  DATABASE_URL                  otherwise a PostgreSQL is started that needs no installation
  INVENTORY_SERVICE_URL, NOTIFICATION_SERVICE_URL, PRODUCT_CATALOG_SERVICE_URL, SHOPPING_CART_SERVICE_URL
                                otherwise stand-ins are started, with products 1 to 5 and PROD001 to PROD005

With NODE_ENV=production nothing is started but the service.
`;

export const EXIT_FAILED = 1;
const EXIT_WRONG_ARGUMENTS = 2;

export interface Options {
  data: string;
  ports: Record<ServiceName, number>;
  demo: boolean;
}

/** A reason not to start, for the person who started it. */
export class Refusal extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = EXIT_FAILED) {
    super(message);
    this.exitCode = exitCode;
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
    return parseArgs({
      args,
      options: { data: text, ...ports, demo: { type: 'boolean' }, help: { type: 'boolean' } },
    }).values;
  } catch (error) {
    throw new Refusal(`${messageOf(error)}\nSee npm start -- --help.`, EXIT_WRONG_ARGUMENTS);
  }
}

/** @returns what the arguments ask for, or null when they ask for help */
export function readOptions(args: string[]): Options | null {
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
    demo: values.demo ?? false,
  };
}
