import './platform/require-node.js';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { DriftReport, type DriftRequest } from './operations/drift/drift-report.js';
import { isAlarming, renderDrift, renderDriftJson } from './operations/drift/drift-text.js';
import { endProcess } from './platform/end-process.js';
import { readSince, withReport } from './report-application.js';

const HELP = `Usage: npm run drift -- [options]

Compares the stock at the inventory with what the orders have taken from it, product by product. Nothing is changed at
the inventory. The first report on a product records its stock; later ones show changes since then that
orders do not explain. With a product catalog the journal of its movements is compared as well.

  --since <day or time>  only products of orders placed since then, as in 2026-01-31 or 2026-01-31T12:00:00Z
  --product <id>         only this product; may be repeated
  --rebase               record the current stock as correct, for example after stock was received
  --json                 every product, for programs
  --help                 show this text

The settings are those of the service: DATABASE_URL, INVENTORY_SERVICE_URL and so on.
Exit code: 0 all is explained, 1 something is not, 2 the report could not be made.
`;

const EXIT_DRIFT = 1;
const EXIT_FAILED = 2;

interface Arguments extends DriftRequest {
  json: boolean;
}

/** @returns what the arguments ask for, or null when they ask for help */
function readArguments(args: string[]): Arguments | null {
  const { values } = parseArgs({
    args,
    options: {
      since: { type: 'string' },
      product: { type: 'string', multiple: true },
      rebase: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const { since, product, rebase, json } = values;
  if (since !== undefined && product) throw new Error('--since and --product exclude each other');
  return {
    rebase,
    json,
    ...(since !== undefined && { since: readSince(since) }),
    ...(product && { productIds: product }),
  };
}

/** @returns the exit code */
async function report({ json, ...request }: Arguments): Promise<number> {
  const products = await withReport(DriftReport, (drift) => drift.run(request));
  process.stdout.write(json ? renderDriftJson(products) : renderDrift(products));
  return products.some(isAlarming) ? EXIT_DRIFT : 0;
}

async function main(): Promise<void> {
  try {
    const given = readArguments(process.argv.slice(2));
    if (given) endProcess(await report(given));
    else process.stdout.write(HELP);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`The report could not be made: ${message}\n`);
    endProcess(EXIT_FAILED);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
