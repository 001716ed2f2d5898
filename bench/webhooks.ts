import { parseOptions, readWhole, runCommand, say } from '../test/support/command-line.ts';
import { readSettings } from './support/database.ts';
import { describeMachine, finish } from './support/report.ts';
import { leaveNothing, withScene } from './support/scene.ts';
import { describeBacklog, measureBacklog } from './webhooks/backlog.ts';
import { describeRequestPath, measureRequestPath } from './webhooks/request-path.ts';

const HELP = `Measures what webhooks cost: placing orders with many endpoints and with none, placing while deliveries wait for a dead
endpoint, and how fast these are delivered once it is back.

Usage: npm run bench:webhooks [-- options]

  --deliveries <n>  that wait for the dead endpoint (default: 100000); 0 leaves this part out
  --endpoints <n>   beside which orders are placed (default: 50); 0 leaves this part out
  --clients <n>     that place orders (default: 64)
  --rounds <n>      of orders with and without endpoints (default: 5)
  --seconds <n>     of each measurement of orders (default: 5)
  --json <file>     write all figures there
  --help            show this text

Starts PostgreSQL, the stand-ins, receivers and the built service, all on this machine, and removes them afterwards. For the cost of an
order, the endpoints get their events afterwards: a lock keeps the service from queueing them. The yardstick of the deliveries is
the client of the service alone, with signed calls to the same receiver.
`;

const DEFAULT_DELIVERIES = 100_000;
const MAX_DELIVERIES = 10_000_000;
const DEFAULT_ENDPOINTS = 50;
const MAX_ENDPOINTS = 100;
const DEFAULT_CLIENTS = 64;
const MAX_CLIENTS = 256;
const DEFAULT_ROUNDS = 5;
const MAX_ROUNDS = 100;
const DEFAULT_SECONDS = 5;
const MAX_SECONDS = 600;

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const { help, json, ...given } = parseOptions(process.argv.slice(2), {
    deliveries: text,
    endpoints: text,
    clients: text,
    rounds: text,
    seconds: text,
    json: text,
    help: { type: 'boolean' },
  } as const);
  if (help) return void process.stdout.write(HELP);
  const measures = {
    deliveries: readWhole(given.deliveries, 'deliveries', DEFAULT_DELIVERIES, MAX_DELIVERIES, 0),
    endpoints: readWhole(given.endpoints, 'endpoints', DEFAULT_ENDPOINTS, MAX_ENDPOINTS, 0),
    clients: readWhole(given.clients, 'clients', DEFAULT_CLIENTS, MAX_CLIENTS),
    rounds: readWhole(given.rounds, 'rounds', DEFAULT_ROUNDS, MAX_ROUNDS),
    seconds: readWhole(given.seconds, 'seconds', DEFAULT_SECONDS, MAX_SECONDS),
  };
  await withScene(async (scene) => {
    const { endpoints, deliveries } = measures;
    if (endpoints > 0) say(`placing beside ${endpoints} endpoints`);
    const requestPath = endpoints > 0 ? await measureRequestPath(scene, measures) : undefined;
    if (deliveries > 0) say(`placing beside a dead endpoint, then delivering what waited`);
    const backlog = deliveries > 0 ? await measureBacklog(scene, measures) : undefined;
    say('');
    if (requestPath) for (const line of describeRequestPath(requestPath)) say(line);
    if (backlog) for (const line of describeBacklog(backlog)) say(line);
    const settings = await readSettings(await scene.createDatabase('settings'));
    await finish(describeMachine(settings), { measures, requestPath, backlog }, json);
  });
}

await runCommand(main, leaveNothing);
