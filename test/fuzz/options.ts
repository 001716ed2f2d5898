import { parseOptions, readWhole } from '../support/command-line.ts';

export interface FuzzOptions {
  seed: number;
  requests: number;
  /** Requests in flight at a time. */
  clients: number;
  /** The built service. */
  dist: string;
  /** A server to use instead of one of the run's own. */
  databaseUrl: string | undefined;
}

const DEFAULT_REQUESTS = 5_000;
const DEFAULT_CLIENTS = 8;
const MAX_REQUESTS = 10_000_000;
const MAX_CLIENTS = 200;
const MAX_SEED = 0x7fff_ffff;

export const HELP = `Sends the built service requests that are made from its OpenAPI document, valid ones and spoilt ones.

Usage: npm run fuzz -- [options]

  --seed <number>      what is sent follows from it (default: a random one, which is printed)
  --requests <number>  how many (default: ${DEFAULT_REQUESTS})
  --clients <number>   requests in flight at a time (default: ${DEFAULT_CLIENTS}); 1 repeats a run to the letter
  --dist <folder>      the built service (default: dist)
  --help               show this text

The service, its stand-ins and a PostgreSQL (or the server that TEST_DATABASE_URL names) are started for it. Every answer
is compared with the document; none may be a 5xx, since nothing is away (who is told that the service is busy asks again), none
may take longer than its deadline or cost more than its budget (docs/reference/limits.md), and the service has to live on
without needing more and more memory. Exits with 1 and prints the requests if it is not so.
`;

const OPTIONS = {
  seed: { type: 'string' },
  requests: { type: 'string' },
  clients: { type: 'string' },
  dist: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** @returns null when help is asked for */
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

/** The command that does the same again. */
export function commandOf({ seed, requests, clients }: FuzzOptions): string {
  return `npm run fuzz -- --seed ${seed} --requests ${requests} --clients ${clients}`;
}
