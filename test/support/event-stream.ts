import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { eventually, type TestService } from './service.js';

/** The fields of every change event. */
export interface StreamedChange extends Record<string, unknown> {
  order_id: string;
  version: number;
}

/** One block of a server-sent event stream, without comments. */
export interface StreamedEvent {
  /** Undefined for blocks with a position only. */
  event: string | undefined;
  id: string | undefined;
  /** These fields are those of a change; other members are there to be compared. */
  data: StreamedChange | undefined;
}

/** A client of the order stream. */
export interface Follower {
  /** All blocks received so far. */
  blocks: StreamedEvent[];
  response: IncomingMessage;
  /** The data of the change events. */
  changes(): StreamedChange[];
  lastId(): string | undefined;
  /** Whether the server has ended the stream. */
  isEnded(): boolean;
  leave(): void;
}

/** Opens the stream, and waits for the response. @throws when it is rejected */
export async function follow(
  { url }: Pick<TestService, 'url'>,
  lastEventId?: string,
  credentials: Record<string, string> = {},
): Promise<Follower> {
  const headers = { ...credentials, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) };
  const { request, response } = await open(`${url}/orders/stream`, headers);
  const blocks: StreamedEvent[] = [];
  let rest = '';
  let isEnded = false;
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    const parts = (rest + text).split('\n\n');
    rest = parts.pop() ?? '';
    blocks.push(...parts.map(toEvent));
  });
  response.on('end', () => (isEnded = true));
  response.on('error', () => undefined);
  await eventually(() => blocks.length > 0);
  return {
    blocks,
    response,
    changes: () => blocks.flatMap(({ event, data }) => (event === 'change' && data ? [data] : [])),
    lastId: () => blocks.findLast(({ id }) => id !== undefined)?.id,
    isEnded: () => isEnded,
    leave: () => request.destroy(),
  };
}

function open(
  url: string,
  headers: Record<string, string>,
): Promise<{ request: ClientRequest; response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false }, (response) => {
      if (response.statusCode === 200) resolve({ request, response });
      else reject(new Error(`stream rejected: ${response.statusCode}`));
    });
    request.on('error', reject);
  });
}

function toEvent(block: string): StreamedEvent {
  const fields = new Map(
    block
      .split('\n')
      .filter((line) => !line.startsWith(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const data = fields.get('data');
  return {
    event: fields.get('event'),
    id: fields.get('id'),
    data: data === undefined ? undefined : (JSON.parse(data) as StreamedChange),
  };
}
