import './platform/require-node.js';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type KnownOrders, readKnownOrders } from './operations/reconcile/known-orders.js';
import {
  hasOpenFindings,
  renderFindings,
  renderFindingsJson,
} from './operations/reconcile/reconcile-text.js';
import { Reconciliation } from './operations/reconcile/reconciliation.js';
import { endProcess } from './platform/end-process.js';
import { readSince, withReport } from './report-application.js';

const HELP = `Usage: npm run reconcile -- [options]

After a failover or a restore that lost commits: finds orders that are known outside the database but missing in it, and
stock that the inventory holds for them. Nothing is changed without --apply.

  --orders <file>  orders that are known outside, one a line: JSON with order_id (or orderId) and, if known, status and
                   items; otherwise the first order id of a line counts. An export, the messages of the notification
                   service, the log of this service, the shop's own list. "-" reads standard input
  --since <time>   only orders placed since then, as in 2026-01-31T12:00:00Z. Needed with --apply: some minutes before
                   the failover
  --apply          release the reservations of orders that do not exist. With --orders only of the orders in it
  --json           for programs
  --help           show this text

With INVENTORY_API=reservations the reservations of the inventory are compared with the orders. If several order services
share the inventory, the reservations of the others look like those of lost orders: always use --orders then. Other
inventories keep no reservations; their stock is compared as by npm run drift, and --apply is refused.

The settings are those of the service: DATABASE_URL, INVENTORY_SERVICE_URL and so on.
Exit code: 0 nothing is left to do, 1 something is, 2 the comparison failed.
`;

const EXIT_FINDINGS = 1;
const EXIT_FAILED = 2;

/** Interval of the lines on standard error that show the progress. */
const PROGRESS_MS = 5_000;

interface Arguments {
  orders: string | undefined;
  since: string | undefined;
  apply: boolean;
  json: boolean;
}

/** @returns null when they ask for help */
function readArguments(args: string[]): Arguments | null {
  const { values } = parseArgs({
    args,
    options: {
      orders: { type: 'string' },
      since: { type: 'string' },
      apply: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const { orders, since, apply, json } = values;
  if (apply && since === undefined) {
    throw new Error('--apply needs --since, the time from which orders may be lost');
  }
  return { orders, since: since === undefined ? undefined : readSince(since), apply, json };
}

async function readOrders(file: string): Promise<KnownOrders> {
  const input = file === '-' ? process.stdin : createReadStream(file);
  try {
    const known = await readKnownOrders(createInterface({ input, crlfDelay: Infinity }));
    if (known.skippedLines > 0) {
      process.stderr.write(`${known.skippedLines} lines of ${file} name no order and are left out\n`);
    }
    return known;
  } catch (error) {
    throw new Error(`--orders ${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** @returns the exit code */
async function reconcile({ orders, since, apply, json }: Arguments): Promise<number> {
  const known = orders === undefined ? undefined : await readOrders(orders);
  const findings = await withReport(Reconciliation, (reconciliation) =>
    reconciliation.run({
      ...(since !== undefined && { since }),
      ...(known && { known }),
      apply,
      onProgress: progressLines(),
    }),
  );
  process.stdout.write(json ? renderFindingsJson(findings) : renderFindings(findings, known !== undefined));
  return hasOpenFindings(findings) ? EXIT_FINDINGS : 0;
}

/** Writes at most one line in `PROGRESS_MS`, so that short runs write none. */
function progressLines(): (progress: string) => void {
  let writtenAt = performance.now();
  return (progress) => {
    if (performance.now() - writtenAt < PROGRESS_MS) return;
    writtenAt = performance.now();
    process.stderr.write(`${progress}\n`);
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function main(): Promise<void> {
  try {
    const given = readArguments(process.argv.slice(2));
    if (given) endProcess(await reconcile(given));
    else process.stdout.write(HELP);
  } catch (error) {
    process.stderr.write(`The comparison failed: ${messageOf(error)}\n`);
    endProcess(EXIT_FAILED);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
