import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { EndpointState } from '../../src/webhooks/webhook-endpoint.entity.js';
import type { TestDatabase } from './database.js';
import { queryDatabase } from './invariants.js';

/** A delivery, as a receiver reads it. */
export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: {
    feed_no: number;
    previous_feed_no: number | null;
    id: string;
    type: string;
    order_id: string;
    version: number;
    order?: { status: string };
  };
}

/** How a receiver answers; `hang` never does, `reset` closes the connection. */
export type Answer = { status: number; headers?: Record<string, string>; body?: string } | 'hang' | 'reset';

/** A receiver of webhooks that verifies each delivery, as the library for receivers does it. */
export interface Receiver {
  url: string;
  secret: string;
  /** Everything that arrived, also what was answered with an error. */
  received: Received[];
  /** Chooses the answer; 200 unless it is replaced. */
  answer: (delivery: Received) => Answer | Promise<Answer>;
  close(): Promise<void>;
}

export function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

export async function startReceiver(): Promise<Receiver> {
  const secret = newSecret();
  const webhook = new Webhook(secret);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = request.headers;
      const text = Buffer.concat(chunks).toString();
      let body: Received['body'];
      try {
        body = webhook.verify(text, headers as Record<string, string>) as Received['body'];
      } catch (error) {
        response.writeHead(401).end(String(error));
        return;
      }
      const delivery = { path: request.url ?? '', headers, body };
      receiver.received.push(delivery);
      void Promise.resolve(receiver.answer(delivery)).then((answer) => respond(response, answer));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    secret,
    received: [],
    answer: () => ({ status: 200 }),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return receiver;
}

function respond(response: ServerResponse, answer: Answer): void {
  if (answer === 'reset') response.destroy();
  else if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end(answer.body);
}

/** Values of an endpoint that a test needs to differ from the usual ones. */
export interface EndpointValues {
  url?: string;
  eventTypes?: string[] | null;
  secrets?: object[];
  state?: EndpointState;
}

/** Inserts an endpoint whose cursor is at the end of the feed. @returns its id */
export async function insertEndpoint(
  database: Pick<TestDatabase, 'url'>,
  { url = 'http://127.0.0.1:9/', eventTypes = null, secrets = [], state = 'enabled' }: EndpointValues = {},
): Promise<string> {
  const id = randomUUID();
  await queryDatabase(
    database.url,
    `INSERT INTO webhook_endpoints (id, url, event_types, state, disabled_reason, disabled_at, secrets, read_until,
       created_at, updated_at)
     SELECT $1, $2, $3, $4::text, CASE $4::text WHEN 'disabled' THEN 'operator' END,
       CASE $4::text WHEN 'disabled' THEN now() END, $5, last_no, now(), now() FROM event_feed`,
    [id, url, eventTypes, state, JSON.stringify(secrets)],
  );
  return id;
}

/** A secret as it is stored, without encryption. */
export function storedSecret(secret: string, validUntil: string | null = null): object {
  return { secret, created_at: new Date().toISOString(), valid_until: validUntil };
}

/** A delivery that waits. */
export interface WebhookTask {
  orderId: string;
  seq: number;
  state: string;
  attempts: number;
  lastError: string | null;
  /** Seconds until it is due. */
  waits: number;
}

export function listWebhookTasks(
  { url }: Pick<TestDatabase, 'url'>,
  endpointId: string,
): Promise<WebhookTask[]> {
  return queryDatabase<WebhookTask>(
    url,
    `SELECT order_id AS "orderId", seq, state, attempts, last_error AS "lastError",
       extract(epoch FROM run_at - now())::int AS waits
     FROM tasks WHERE kind = 'webhook:' || $1 ORDER BY order_id, seq`,
    [endpointId],
  );
}

/** The last attempts that are recorded. */
export function listWebhookDeliveries(
  { url }: Pick<TestDatabase, 'url'>,
  endpointId: string,
): Promise<Record<string, unknown>[]> {
  return queryDatabase<Record<string, unknown>>(
    url,
    `SELECT order_id AS "orderId", seq, state, attempts, status, answer, error FROM webhook_deliveries
     WHERE endpoint_id = $1 ORDER BY order_id, seq`,
    [endpointId],
  );
}
