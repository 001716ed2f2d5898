import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import {
  type ChangeRecord,
  type ClientRecord,
  type CorrectionRecord,
  type HoldRequest,
  isReferenced,
  type Told,
  type WriteTold,
} from './record.ts';

/** Timeout of a client; well above the deadline of the service. */
const ANSWER_TIMEOUT_MS = 8_000;

/**
 * Time limit for retries of requests about a hold. A confirmation stays open for longer than any campaign where the stock of the
 * expired hold is in doubt.
 */
const HOLD_PATIENCE_MS = 15_000;

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** Connections to an instance: as many as there may be clients. */
const CONNECTIONS = 500;

const agent = new Agent({ connections: CONNECTIONS, pipelining: 1 });

export interface Target {
  name: string;
  url: string;
}

interface Answer {
  status: number | null;
  fault?: string;
  replayed: boolean;
  body: string;
}

/** Sends one request. Without a response, the status is null and the fault names the reason. */
async function send(
  url: string,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH',
  body: string | null,
  headers: Record<string, string>,
): Promise<Answer> {
  try {
    const response = await request(url, {
      method,
      dispatcher: agent,
      headers: { ...headers, ...(body !== null && { 'content-type': 'application/json' }) },
      body,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
    });
    const replayed = response.headers['idempotency-replayed'] === 'true';
    return { status: response.statusCode, replayed, body: await response.body.text() };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return { status: null, fault: code, replayed: false, body: '' };
  }
}

function field(body: string, name: string): unknown {
  try {
    const parsed = JSON.parse(body) as Record<string, unknown> | null;
    return parsed?.[name];
  } catch {
    return undefined;
  }
}

function textField(body: string, name: string): string | null {
  const value = field(body, name);
  return typeof value === 'string' ? value : null;
}

/** Whether a response can not change any more, so that the client stops retrying. */
function isFinal(told: Told): boolean {
  if (told.status === null || told.status === 500 || told.status === 502 || told.status === 504) return false;
  if (told.status === 503) return told.type === '/problems/placement-failed';
  // The order is stored; a retry with the same key returns its outcome.
  if (told.status === 202) return false;
  return (
    told.type !== '/problems/idempotency-key-in-progress' && told.type !== '/problems/reference-in-progress'
  );
}

/** The request was not sent, so that even one without a key may be retried. */
function isUnsent(told: Told): boolean {
  return told.fault === 'ECONNREFUSED' || told.fault === 'UND_ERR_CONNECT_TIMEOUT';
}

/** One customer, or the tool of the staff. */
export class Client {
  private readonly chooseTarget: () => Target;
  /** Milliseconds since the start of the campaign. */
  private readonly now: () => number;
  /** False after the last fault: clients start nothing new. */
  private readonly goesOn: () => boolean;
  /** Time limit for retries of a request without a final response. */
  private readonly patienceMs: number;

  constructor(chooseTarget: () => Target, now: () => number, goesOn: () => boolean, patienceMs: number) {
    this.patienceMs = patienceMs;
    this.chooseTarget = chooseTarget;
    this.now = now;
    this.goesOn = goesOn;
  }

  /**
   * Places an order and records every response. With a key or a reference it retries until the response is final. A
   * reference without a key is free again after a rejection: the retry that is accepted as a new order is the last one.
   *
   * @returns the last response
   */
  async place(record: ClientRecord, key: string | null): Promise<Told> {
    const giveUpAt = this.now() + this.patienceMs;
    const path = record.customerId === null ? '/orders' : `/orders/${record.customerId}`;
    const body = bodyOf(record);
    let wasAccepted = false;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
      const target = this.chooseTarget();
      const at = this.now();
      const answer = await send(`${target.url}${path}`, 'POST', body, {
        ...(key !== null && { 'idempotency-key': key }),
        ...(record.isAsync && { prefer: 'respond-async' }),
      });
      const told: Told = {
        at,
        instance: target.name,
        status: answer.status,
        ...(answer.fault !== undefined && { fault: answer.fault }),
        key,
        isReplay: answer.replayed,
        type: textField(answer.body, 'type'),
        orderId: textField(answer.body, 'order_id'),
        body: answer.body,
      };
      record.told.push(told);
      const mayRepeat = key === null && !isReferenced(record) ? isUnsent(told) : !isFinal(told);
      const isNewlyAccepted = told.status === 202 && !told.isReplay;
      if (key === null && wasAccepted && isNewlyAccepted) return told;
      wasAccepted ||= isNewlyAccepted;
      if (!mayRepeat || this.now() > giveUpAt || !this.goesOn()) return told;
      await sleep(pause);
    }
  }

  /** Polls an order until it has left a status: after a 202 it is pending. */
  async watch(record: ClientRecord, orderId: string, status = 'pending'): Promise<void> {
    const giveUpAt = this.now() + this.patienceMs;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
      const target = this.chooseTarget();
      const at = this.now();
      const answer = await send(`${target.url}/orders/${orderId}`, 'GET', null, {});
      const is = textField(answer.body, 'status');
      record.polls.push({
        at,
        instance: target.name,
        orderId,
        status: answer.status,
        ...(answer.fault !== undefined && { fault: answer.fault }),
        is,
      });
      const isSettled = answer.status === 404 || (answer.status === 200 && is !== status);
      if (isSettled || this.now() > giveUpAt || !this.goesOn()) return;
      await sleep(pause);
    }
  }

  /** Erases the customer of an order, and retries until that is done. */
  async erase(record: ClientRecord): Promise<void> {
    const giveUpAt = this.now() + this.patienceMs;
    const body = JSON.stringify({ customer_email: record.email });
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
      const { url } = this.chooseTarget();
      const answer = await send(`${url}/operations/personal-data/erase`, 'POST', body, {});
      record.isErased = answer.status === 200 && field(answer.body, 'more') === false;
      if (record.isErased || this.now() > giveUpAt || !this.goesOn()) return;
      await sleep(pause);
    }
  }

  /** Sets the status of an order, and retries until there is a response. */
  async change(record: ClientRecord, orderId: string, to: string): Promise<void> {
    const change: ChangeRecord = { orderId, to, told: [] };
    record.changes.push(change);
    await this.write(change, 'PUT', { status: to, reason: `client ${record.n}` });
  }

  /** Sets a field of an order's metadata, and retries with the same key until there is a response. */
  async correct(record: ClientRecord, orderId: string, name: string): Promise<void> {
    const correction: CorrectionRecord = { orderId, field: name, told: [] };
    record.corrections.push(correction);
    const key = { 'idempotency-key': `${orderId}-${name}` };
    await this.write(correction, 'PATCH', { metadata: { [name]: record.n } }, key);
  }

  /** Confirms or extends the hold of an order or reports a payment, and retries until there is a response. */
  async ask(about: HoldRequest, body: object): Promise<void> {
    await this.write(about, 'POST', body, {}, `/${about.kind}`, HOLD_PATIENCE_MS);
  }

  private async write(
    { orderId, told }: { orderId: string; told: WriteTold[] },
    method: 'POST' | 'PUT' | 'PATCH',
    body: object,
    headers: Record<string, string> = {},
    path = '',
    patienceMs = this.patienceMs,
  ): Promise<void> {
    const giveUpAt = this.now() + Math.min(patienceMs, this.patienceMs);
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
      const target = this.chooseTarget();
      const at = this.now();
      const url = `${target.url}/orders/${orderId}${path}`;
      const answer = await send(url, method, JSON.stringify(body), headers);
      const version = field(answer.body, 'version');
      told.push({
        at,
        instance: target.name,
        status: answer.status,
        ...(answer.fault !== undefined && { fault: answer.fault }),
        type: textField(answer.body, 'type'),
        version: typeof version === 'number' ? version : null,
      });
      const isDone = answer.status !== null && answer.status < 500 && answer.status !== 412;
      if (isDone || this.now() > giveUpAt || !this.goesOn()) return;
      await sleep(pause);
    }
  }
}

function bodyOf(record: ClientRecord): string | null {
  const customer =
    record.email === null ? {} : { customer_name: `Client ${record.n}`, customer_email: record.email };
  const hold = record.hold && { hold_seconds: record.hold.seconds };
  if (record.kind === 'cart')
    return record.email === null && !hold ? null : JSON.stringify({ ...customer, ...hold });
  return JSON.stringify({ ...customer, items: record.items, ...record.details, ...hold });
}

export async function closeConnections(): Promise<void> {
  await agent.destroy();
}
