import { parseOptions, readWhole } from '../support/command-line.ts';

export interface FuzzOptions {
  seed: number;
  requests: number;
  /** Requests in flight at a time. */
  clients: number;
  /** Folder of the built service. */
  dist: string;
  /** A server to use instead of the run's own. */
  databaseUrl: string | undefined;
}

const DEFAULT_REQUESTS = 5_000;
const DEFAULT_CLIENTS = 8;
const MAX_REQUESTS = 10_000_000;
const MAX_CLIENTS = 200;
const MAX_SEED = 0x7fff_ffff;

export const HELP = `Sends valid and invalid requests, generated from the OpenAPI document, to the built service.

Usage: npm run fuzz -- [options]

  --seed <number>      determines all requests (default: random, printed)
  --requests <number>  number of requests (default: ${DEFAULT_REQUESTS})
  --clients <number>   requests in flight at a time (default: ${DEFAULT_CLIENTS}); with 1 a run can be repeated exactly
  --dist <folder>      folder of the built service (default: dist)
  --help               show this text

Starts the service, its stand-ins and a PostgreSQL (or uses the server at TEST_DATABASE_URL). Every response must match the
document, arrive before its deadline, stay within the budget of its operation (docs/reference/limits.md), and not be a 5xx:
there are no outages, and requests that get "overloaded" are retried. The service must stay live, and its memory must not
keep growing. Exits with 1 and prints the requests that fail a check.
`;

const OPTIONS = {
  seed: { type: 'string' },
  requests: { type: 'string' },
  clients: { type: 'string' },
  dist: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** @returns null when help is requested */
export function readOptions(args: string[], databaseUrl: string | undefined): FuzzOptions | null {
  const values = parseOptions(args, OPTIONS);
  if (values.help) return null;
  return {
    seed: readWhole(values.seed, 'seed', 1 + Math.floor(Math.random() * MAX_SEED), MAX_SEED),
    requests: readWhole(values.requests, 'requests', DEFAULT_REQUESTS, MAX_REQUESTS),
    clients: readWhole(values.clients, 'clients', DEFAULT_CLIENTS, MAX_CLIENTS),
    dist: values.dist ?? 'dist',
    databaseUrl,
  };
}

/** The command that repeats the run. */
export function commandOf({ seed, requests, clients }: FuzzOptions): string {
  return `npm run fuzz -- --seed ${seed} --requests ${requests} --clients ${clients}`;
}
