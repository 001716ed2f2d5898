/**
 * Receives webhooks of the order service: verifies them, handles every event once, and reads what it has missed from the
 * feed. Node 24 runs it as it is:
 *
 *     npm install standardwebhooks
 *     WEBHOOK_SECRET=whsec_… SINCE=4711 node receiver.ts
 */
import { createServer, type IncomingMessage } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { setInterval } from 'node:timers/promises';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';

const {
  WEBHOOK_SECRET = '',
  /** `read_until` of the response that created the endpoint: what came before is not missing. */
  SINCE = '0',
  /** The same types as the endpoint's `events`, with commas in between; empty for all. */
  EVENT_TYPES = '',
  /** How long an event may be late. Deliveries of different orders overtake each other. */
  GAP_SECONDS = '30',
  SERVICE_URL = 'http://localhost:8080',
  API_KEY = '',
  DATABASE = 'receiver.db',
  HOST = '127.0.0.1',
  PORT = '3000',
} = process.env;

/** Bodies of the service are at most 256 kB. */
const MAX_BODY_BYTES = 1_000_000;

interface OrderEvent {
  id: string;
  feed_no: number;
  type: string;
  order_id: string;
}

const webhook = new Webhook(WEBHOOK_SECRET);
const db = new DatabaseSync(DATABASE, { timeout: 10_000 });
db.exec(`
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS received (
    id TEXT PRIMARY KEY,
    feed_no INTEGER NOT NULL,
    waits_for INTEGER, -- the feed_no of the event before it, until that one has arrived
    received_at INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS received_feed_no ON received (feed_no);
  CREATE INDEX IF NOT EXISTS received_waiting ON received (received_at) WHERE waits_for IS NOT NULL;
  CREATE TABLE IF NOT EXISTS outbox (order_id TEXT NOT NULL, task TEXT NOT NULL);
`);
const remember = db.prepare('INSERT INTO received VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING');

/** Handles an event unless it has been handled before. A crash loses both its id and its work, or neither. */
function handle(event: OrderEvent, previousFeedNo: number | null): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    const { changes } = remember.run(event.id, event.feed_no, previousFeedNo, Date.now());
    if (changes === 1) work(event);
    db.exec('COMMIT');
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}

/** Your part. What leaves this database, such as a mail, becomes a row that a worker sends after the commit. */
function work(event: OrderEvent): void {
  if (event.type !== 'order.confirmed') return;
  db.prepare('INSERT INTO outbox VALUES (?, ?)').run(event.order_id, 'pack');
}

/** @returns the status of the response; any 2xx ends the retries of the service */
async function receive(request: IncomingMessage): Promise<number> {
  // The service names the length, and Node reads no more than that.
  const length = request.headers['content-length'];
  if (length === undefined) return 411;
  if (Number(length) > MAX_BODY_BYTES) return 413;
  // The signature is of these bytes: parse them only afterwards.
  const body = await text(request);
  try {
    webhook.verify(body, request.headers as Record<string, string>);
  } catch (error) {
    if (error instanceof WebhookVerificationError) return 401;
    throw error;
  }
  const event = JSON.parse(body) as OrderEvent & { previous_feed_no: number | null };
  if (event.type !== 'webhook.test') handle(event, event.previous_feed_no);
  console.log(`received ${event.type} ${event.id}`);
  return 204;
}

interface Gap {
  id: string;
  after: number;
  until: number;
}

/** The events before which one is missing, the oldest first. */
function findGaps(): Gap[] {
  db.exec(`UPDATE received AS r SET waits_for = NULL
    WHERE waits_for IS NOT NULL AND EXISTS (SELECT 1 FROM received WHERE feed_no = r.waits_for)`);
  const gaps = db.prepare(`
    SELECT id, waits_for AS until,
      (SELECT coalesce(max(feed_no), ?) FROM received WHERE feed_no < r.feed_no) AS after
    FROM received AS r WHERE waits_for IS NOT NULL AND received_at <= ? ORDER BY feed_no`);
  return gaps
    .all(Number(SINCE), Date.now() - 1_000 * Number(GAP_SECONDS))
    .map(({ id, after, until }) => ({ id: String(id), after: Number(after), until: Number(until) }));
}

/** Handles the events of a gap in the order of the feed. */
async function fill(gap: Gap): Promise<void> {
  let after = gap.after;
  while (after < gap.until) {
    const query = new URLSearchParams({ after: String(after), ...(EVENT_TYPES && { types: EVENT_TYPES }) });
    const headers: Record<string, string> = API_KEY ? { 'x-api-key': API_KEY } : {};
    const signal = AbortSignal.timeout(30_000);
    const response = await fetch(`${SERVICE_URL}/events?${query}`, { headers, signal });
    if (!response.ok) throw new Error(`GET /events answered ${response.status}`);
    const page = (await response.json()) as { events: OrderEvent[]; next_after: number };
    for (const event of page.events) if (event.feed_no <= gap.until) handle(event, null);
    if (page.next_after <= after) break;
    after = page.next_after;
  }
  db.prepare('UPDATE received SET waits_for = NULL WHERE id = ?').run(gap.id);
  console.log(`filled the gap from ${gap.after + 1} to ${gap.until}`);
}

createServer((request, response) => {
  receive(request)
    .catch((error: unknown) => {
      console.error(error);
      return 500;
    })
    .then((status) => response.writeHead(status).end())
    .catch(console.error);
}).listen(Number(PORT), HOST, () => console.log(`listening on ${HOST}:${PORT}`));

for await (const _ of setInterval(Math.min(10_000, 1_000 * Number(GAP_SECONDS)))) {
  try {
    for (const gap of findGaps()) await fill(gap);
  } catch (error) {
    console.error(error);
  }
}
