import { parseOptions, readWhole, WrongOptions } from '../../support/command-line.ts';

export const INVENTORIES = ['per-product', 'reservations', 'catalog', 'plain'] as const;
export type InventoryKind = (typeof INVENTORIES)[number];

/** Groups of faults that can be injected. */
export const FAULT_GROUPS = ['upstream', 'kills', 'signals', 'database', 'clock', 'receivers'] as const;
export type FaultGroup = (typeof FAULT_GROUPS)[number];

export interface CampaignOptions {
  seed: number;
  orders: number;
  instances: number;
  kills: number;
  inventory: InventoryKind;
  minutes: number;
  /** Time limit for the service to finish all open work after the last fault. */
  restSeconds: number;
  /** Time limit for a client to retry a request without a final response. */
  patienceSeconds: number;
  /** Orders in flight at a time. */
  clients: number;
  faults: ReadonlySet<FaultGroup>;
  /** Pause points to kill at, in this order; undefined: all points of this inventory, in turn. */
  points: string[] | undefined;
  /** Folder of the built service. */
  dist: string;
  /** File for the result as JSON. */
  report: string | undefined;
  /** A server to use instead of the campaign's own; then the database itself is not killed. */
  databaseUrl: string | undefined;
}

/** A campaign of several hours; more orders would not fit into the memory of the verdict. */
const MAX_ORDERS = 1_000_000;
const MAX_KILLS = 10_000;
const MAX_MINUTES = 24 * 60;
const MAX_INSTANCES = 8;
const MAX_CLIENTS = 500;
const MAX_SEED = 0xffff_ffff;

const DEFAULT_ORDERS = 2_000;
const DEFAULT_MINUTES = 60;
const DEFAULT_CLIENTS = 24;

/** Longer than the recovery window, after which every response is final. */
const DEFAULT_PATIENCE_SECONDS = 60;

/** The recovery window, the lease and the longest backoff of a task, and time for the backlog. */
const DEFAULT_REST_SECONDS = 180;

/** As in the campaign of 20,000 orders and 300 kills that docs/verification.md reports. */
const ORDERS_PER_KILL = 66;

export const HELP = `Injects faults into the built service and checks its promises from outside.

Usage: npm run faults -- [options]

  --seed <number>       determines all orders and faults (default: random, printed)
  --orders <number>     minimum number of orders to place (default: ${DEFAULT_ORDERS})
  --kills <number>      number of SIGKILLs (default: one per ${ORDERS_PER_KILL} orders)
  --instances <number>  instances of the service, on one database (default: 2)
  --inventory <kind>    ${INVENTORIES.join(', ')} (default: plain);
                        plain ignores idempotency keys, as the default settings expect;
                        per-product honours them
  --faults <groups>     comma-separated list of ${FAULT_GROUPS.join(', ')}; or none (default: all)
  --points <names>      kill at these pause points (src/pause-points/pause-points.ts), once each, in this order
  --clients <number>    orders in flight at a time (default: ${DEFAULT_CLIENTS})
  --minutes <number>    stop injecting faults after this time (default: ${DEFAULT_MINUTES})
  --rest-seconds <n>    time limit to finish all open work after that (default: ${DEFAULT_REST_SECONDS})
  --patience-seconds <n>  time limit for the retries of a request (default: ${DEFAULT_PATIENCE_SECONDS})
  --dist <folder>       folder of the built service (default: dist)
  --report <file>       also write the result to this file as JSON
  --help                show this text

The campaign starts its own PostgreSQL, or uses the server at TEST_DATABASE_URL, which it does not kill. Exits with 1
when a promise was broken, and prints the history of the affected orders. The same seed gives the same orders and the
same faults in the same order; their exact timing also depends on the machine.
`;

const OPTIONS = {
  seed: { type: 'string' },
  orders: { type: 'string' },
  kills: { type: 'string' },
  instances: { type: 'string' },
  inventory: { type: 'string' },
  faults: { type: 'string' },
  points: { type: 'string' },
  clients: { type: 'string' },
  minutes: { type: 'string' },
  'rest-seconds': { type: 'string' },
  'patience-seconds': { type: 'string' },
  dist: { type: 'string' },
  report: { type: 'string' },
  help: { type: 'boolean' },
} as const;

function readList<T extends string>(text: string, name: string, allowed: readonly T[]): T[] {
  return text.split(',').map((given) => {
    const found = allowed.find((one) => one === given);
    if (found === undefined)
      throw new WrongOptions(`--${name}: ${given} is not one of ${allowed.join(', ')}`);
    return found;
  });
}

/**
 * @param points every pause point of the service
 * @returns null when help is requested
 */
export function readOptions(
  args: string[],
  points: readonly string[],
  databaseUrl: string | undefined,
): CampaignOptions | null {
  const values = parseOptions(args, OPTIONS);
  if (values.help) return null;
  const orders = readWhole(values.orders, 'orders', DEFAULT_ORDERS, MAX_ORDERS, 1);
  const chosen = values.points === undefined ? undefined : readList(values.points, 'points', points);
  const kills = Math.ceil(orders / ORDERS_PER_KILL);
  const faults =
    values.faults === 'none'
      ? []
      : values.faults === undefined
        ? FAULT_GROUPS
        : readList(values.faults, 'faults', FAULT_GROUPS);
  return {
    seed: readWhole(values.seed, 'seed', Math.floor(Math.random() * 1_000_000), MAX_SEED, 0),
    orders,
    kills: chosen?.length ?? readWhole(values.kills, 'kills', kills, MAX_KILLS, 0),
    instances: readWhole(values.instances, 'instances', 2, MAX_INSTANCES, 1),
    inventory: readList(values.inventory ?? 'plain', 'inventory', INVENTORIES)[0] ?? 'plain',
    minutes: readWhole(values.minutes, 'minutes', DEFAULT_MINUTES, MAX_MINUTES, 1),
    restSeconds: readWhole(values['rest-seconds'], 'rest-seconds', DEFAULT_REST_SECONDS, MAX_MINUTES * 60, 1),
    patienceSeconds: readWhole(
      values['patience-seconds'],
      'patience-seconds',
      DEFAULT_PATIENCE_SECONDS,
      MAX_MINUTES * 60,
      1,
    ),
    clients: readWhole(values.clients, 'clients', DEFAULT_CLIENTS, MAX_CLIENTS, 1),
    faults: new Set(faults),
    points: chosen,
    dist: values.dist ?? 'dist',
    report: values.report,
    databaseUrl: databaseUrl === '' ? undefined : databaseUrl,
  };
}

/** The command that repeats a campaign. */
export function commandOf(options: CampaignOptions): string {
  const faults = [...options.faults].join(',');
  return [
    `npm run faults -- --seed ${options.seed} --orders ${options.orders}`,
    options.points ? `--points ${options.points.join(',')}` : `--kills ${options.kills}`,
    `--instances ${options.instances} --inventory ${options.inventory} --clients ${options.clients}`,
    ...(options.faults.size < FAULT_GROUPS.length ? [`--faults ${faults || 'none'}`] : []),
    ...(options.dist === 'dist' ? [] : [`--dist ${options.dist}`]),
  ].join(' ');
}
