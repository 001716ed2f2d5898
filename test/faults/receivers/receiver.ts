import { createHmac, timingSafeEqual } from 'node:crypto';
import { appendFileSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A receiver of webhooks in a process of its own: `node receiver.ts <port> <log file> <secret>`. Each path is an endpoint
 * that behaves as the last word of its name says. It verifies a delivery, commits it (a line of the log), and then answers,
 * with data of the customer, as a careless receiver does.
 */
const [port = '0', logFile = '', secret = ''] = process.argv.slice(2);

/** A committed delivery. */
export interface Receipt {
  endpoint: string;
  /** `webhook-id`. */
  id: string;
  /** Whether the signature is that of the body, which has the same id. */
  isGenuine: boolean;
  feedNo: number;
  previousFeedNo: number | null;
  type: string;
}

interface Body {
  id: string;
  type: string;
  feed_no: number;
  previous_feed_no: number | null;
  order?: { note?: string | null; customer_email?: string | null };
}

/** Long enough to be the slowest; with 16 at a time faster than a campaign. */
const SLOW_MS = 300;

/** Of so many deliveries a flaky receiver fails one in each of its ways. */
const FLAKY_EVERY = 12;

/** A receiver that is killed handles so many deliveries in each life. */
const DELIVERIES_OF_LIFE = 12;

const STEPS = ['before its commit', 'between its commit and its answer', 'after its answer'] as const;

/** Where it is killed in this life. */
const lastStep = STEPS[Number(process.env['LIFE']) % STEPS.length];

let isCalm = false;

/** Deliveries so far, by endpoint. */
const handled = new Map<string, number>();

function isSigned({ headers }: IncomingMessage, text: string): boolean {
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${text}`;
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const expected = Buffer.from(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  return String(headers['webhook-signature'])
    .split(' ')
    .map((one) => Buffer.from(one))
    .some((one) => one.length === expected.length && timingSafeEqual(one, expected));
}

function receiptOf(endpoint: string, request: IncomingMessage, text: string, body: Body): Receipt {
  const id = String(request.headers['webhook-id']);
  return {
    endpoint,
    id,
    isGenuine: isSigned(request, text) && id === body.id,
    feedNo: body.feed_no,
    previousFeedNo: body.previous_feed_no,
    type: body.type,
  };
}

/** Ends the process at a step, once its life has been long enough. */
function reach(step: (typeof STEPS)[number], mode: string, count: number): void {
  if (mode !== 'killed' || isCalm || step !== lastStep || count < DELIVERIES_OF_LIFE) return;
  writeSync(process.stdout.fd, `killed ${step}\n`);
  process.kill(process.pid, 'SIGKILL');
}

/** @returns whether it has answered, without a commit */
function fail(response: ServerResponse, way: number): boolean {
  if (way === 1) response.writeHead(500).end('out of order');
  else if (way === 4) response.writeHead(503, { 'retry-after': '1' }).end();
  else if (way === 7) response.destroy();
  return way === 1 || way === 4 || way === 7;
}

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const endpoint = String(request.url).slice(1);
  let text = '';
  for await (const chunk of request) text += String(chunk);
  if (endpoint === 'calm') {
    isCalm = true;
    response.end();
    return;
  }
  const mode = endpoint.split('-').at(-1) ?? '';
  const count = (handled.get(endpoint) ?? 0) + 1;
  handled.set(endpoint, count);
  if (mode === 'slow' && !isCalm) await sleep(SLOW_MS);
  const way = mode === 'flaky' && !isCalm ? count % FLAKY_EVERY : 0;
  if (fail(response, way)) return;
  reach('before its commit', mode, count);
  const body = JSON.parse(text) as Body;
  appendFileSync(logFile, `${JSON.stringify(receiptOf(endpoint, request, text, body))}\n`);
  reach('between its commit and its answer', mode, count);
  response.on('finish', () => reach('after its answer', mode, count));
  // Its answer is lost.
  if (way === 10) response.destroy();
  else response.end(`stored for ${body.order?.customer_email ?? 'unknown'}: ${body.order?.note ?? ''}`);
}

createServer((request, response) => {
  receive(request, response).catch(() => response.destroy());
}).listen(Number(port), '127.0.0.1', () => writeSync(process.stdout.fd, 'listens\n'));
