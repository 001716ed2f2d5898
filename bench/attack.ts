import { hash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseOptions, readWhole, runCommand, say, WrongOptions } from '../test/support/command-line.ts';
import { TestIssuer } from '../test/support/issuer.ts';
import { ATTACKER, type Attack, ATTACKS } from './load/attacks.ts';
import { Connection, requestBytes } from './load/connection.ts';
import { type Experience, runHonestClients } from './load/honest-clients.ts';
import { readSettings } from './support/database.ts';
import { end, startNode } from './support/processes.ts';
import { describeMachine, finish, number, toTable } from './support/report.ts';
import { leaveNothing, type Scene, withScene } from './support/scene.ts';

const HELP = `Measures what one attacker costs eight honest clients.

Usage: npm run bench:attack [-- options]

  --seconds <n>     of each measurement (default: 30; at most 120)
  --attack <name>   only this one: ${ATTACKS.map(({ name }) => name).join(', ')}
  --json <file>     write all figures there
  --help            show this text

Starts PostgreSQL, the stand-ins and, for each attack, the built service. Eight clients with an API key each place, read and
list orders: first alone, then while one attacker with a valid token (or none) attacks. Removes all of it afterwards. The aim is a
p95 at most three times what it is alone, and no 5xx. Takes about two minutes for each attack.
`;

const DEFAULT_SECONDS = 30;
const MAX_SECONDS = 120;

const CLIENTS = 8;
const WARM_UP_SECONDS = 5;

/** How much slower honest clients may get. */
const MAX_RATIO = 3;

const ATTACKER_ORDERS = 200;
const ATTACKER_LINES = 100;
const CUSTOMER_SCOPES = 'orders:place orders:read';
const SPOILED_KEYS_BYTES = 8_000_000;
const PLACED_AT_ONCE = 4;
const RETRY_MS = 50;

const ATTACKER_FILE = fileURLToPath(new URL('./load/attacker.ts', import.meta.url));

interface Result {
  attack: Attack;
  alone: Experience;
  attacked: Experience;
}

interface Credentials {
  issuer: TestIssuer;
  keys: string[];
  /** By which the service knows them. */
  settings: Record<string, string>;
}

function makeCredentials(issuer: TestIssuer): Credentials {
  const keys = Array.from({ length: CLIENTS }, () => `osk_${randomBytes(32).toString('base64url')}`);
  const entries = keys.map((key, n) => ({
    name: `honest-${n}`,
    sha256: hash('sha256', key),
    scopes: ['orders:place', 'orders:read:all'],
  }));
  const settings = { ...issuer.settings, AUTH: 'jwt,api-key', API_KEYS: JSON.stringify(entries) };
  return { issuer, keys, settings };
}

async function placeAttackersOrders(url: URL, token: string): Promise<void> {
  let missing = ATTACKER_ORDERS;
  const items = Array.from({ length: ATTACKER_LINES }, (_, n) => ({ product_id: `A${n}`, quantity: 1 }));
  const body = { customer_id: ATTACKER, customer_name: 'A', customer_email: 'a@example.com', items };
  const bytes = requestBytes('POST', '/orders', body, { authorization: `Bearer ${token}` });
  const place = async (): Promise<void> => {
    const connection = await Connection.open(url);
    for (; missing > 0;) {
      const { status } = await connection.send(bytes);
      if (status === 201) missing -= 1;
      // A busy machine leaves one caller fewer permits than that.
      else if (status === 429) await sleep(RETRY_MS);
      else throw new Error(`an order of the attacker was answered with ${status}`);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: PLACED_AT_ONCE }, place));
}

async function measure(scene: Scene, attack: Attack, given: Credentials, seconds: number): Promise<Result> {
  const settings = { ...given.settings, ...attack.settings };
  const service = await scene.startService(await scene.createDatabase(attack.name), settings);
  const { url } = service;
  const token = await given.issuer.token(ATTACKER, attack.scopes ?? CUSTOMER_SCOPES);
  say(`${attack.name}: ${attack.does}`);
  if (attack.needsOrders) await placeAttackersOrders(url, token);
  await runHonestClients(url, given.keys, WARM_UP_SECONDS);
  const alone = await runHonestClients(url, given.keys, seconds);
  say(`  alone: p95 ${number(alone.p95, 1)} ms`);
  if (attack.spoilsKeys) given.issuer.spoil = () => ' '.repeat(SPOILED_KEYS_BYTES);
  const environment = { SERVICE_URL: url.href, TOKEN: token };
  const attacker = startNode([ATTACKER_FILE, attack.name], environment);
  try {
    const attacked = await runHonestClients(url, given.keys, seconds);
    say(`  under attack: p95 ${number(attacked.p95, 1)} ms`);
    for (const [problem, count] of Object.entries(attacked.problems)) say(`    ${problem}: ${count}`);
    if (attacker.exitCode !== null) throw new Error('the attacker has ended early');
    return { attack, alone, attacked };
  } finally {
    given.issuer.spoil = undefined;
    await end(attacker);
    await service.stop();
  }
}

const HEADS = [
  'attack',
  'alone: requests',
  'p50 ms',
  'p95 ms',
  '5xx',
  'attacked: requests',
  'p50 ms',
  'p95 ms',
  'p95 ratio',
  '5xx',
  '429',
  'faults',
  'holds',
];

function ratioOf({ alone, attacked }: Result): number {
  return attacked.p95 / alone.p95;
}

function cellsOf(result: Result): string[] {
  const { attack, alone, attacked } = result;
  const holds = ratioOf(result) <= MAX_RATIO && attacked.serverErrors === 0;
  return [
    attack.name,
    String(alone.requests),
    number(alone.p50, 1),
    number(alone.p95, 1),
    String(alone.serverErrors),
    String(attacked.requests),
    number(attacked.p50, 1),
    number(attacked.p95, 1),
    number(ratioOf(result), 2),
    ...[attacked.serverErrors, attacked.tooMany, attacked.faults].map(String),
    holds ? 'yes' : 'no',
  ];
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const options = { seconds: text, attack: text, json: text, help: { type: 'boolean' } } as const;
  const { help, json, attack: name, ...given } = parseOptions(process.argv.slice(2), options);
  if (help) return void process.stdout.write(HELP);
  const seconds = readWhole(given.seconds, 'seconds', DEFAULT_SECONDS, MAX_SECONDS);
  const attacks = ATTACKS.filter((attack) => name === undefined || attack.name === name);
  if (attacks.length === 0) throw new WrongOptions(`there is no attack "${name}"`);
  await withScene(async (scene) => {
    const issuer = await TestIssuer.start();
    scene.onClose(() => issuer.close());
    const credentials = makeCredentials(issuer);
    const results: Result[] = [];
    for (const attack of attacks) results.push(await measure(scene, attack, credentials, seconds));
    say('');
    for (const row of toTable([HEADS, ...results.map(cellsOf)])) say(row);
    const machine = describeMachine(await readSettings(await scene.createDatabase('settings')));
    await finish(machine, { seconds, clients: CLIENTS, results }, json);
  });
}

await runCommand(main, leaveNothing);
