import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Settings } from '../../src/config/settings.js';
import { hasCode, messageOf } from '../input.ts';
import { DEFAULT_PORTS } from '../sandbox.ts';
import type { ServiceName } from '../service-server.ts';
import { loadBuilt } from './build.ts';
import { type Options, Refusal } from './options.ts';

/** Stands for the database that is yet to be started while the other settings are checked. */
const DATABASE_TO_COME = 'postgres://127.0.0.1/orders';

/** The settings that name the services which the stand-ins stand for. */
export const VARIABLES = {
  inventory: 'INVENTORY_SERVICE_URL',
  notification: 'NOTIFICATION_SERVICE_URL',
  catalog: 'PRODUCT_CATALOG_SERVICE_URL',
  carts: 'SHOPPING_CART_SERVICE_URL',
} as const satisfies Record<ServiceName, string>;

export type Environment = Record<string, string | undefined>;

/** The processes to start besides the service, and their addresses. */
export interface Plan {
  options: Options;
  settings: Settings;
  database: boolean;
  standIns: ServiceName[];
}

/** @throws {SettingsError} for wrong settings, before anything is started */
export async function makePlan(options: Options, environment: Environment): Promise<Plan> {
  const { loadSettings } =
    await loadBuilt<typeof import('../../src/config/load-settings.js')>('config/load-settings.js');
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
export async function checkPorts({ options, settings, standIns }: Plan): Promise<void> {
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
