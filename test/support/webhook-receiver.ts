import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

/** A call that a receiver got. */
export interface ReceivedCall {
  headers: IncomingHttpHeaders;
  body: string;
}

/** An endpoint that records every call, and answers as a test wants. */
export class WebhookReceiver {
  readonly calls: ReceivedCall[] = [];
  answer: { status: number; body: string } = { status: 200, body: 'ok' };

  private constructor(private readonly server: Server) {}

  static async start(): Promise<WebhookReceiver> {
    const server = createServer();
    const receiver = new WebhookReceiver(server);
    server.on('request', (request, response) => void receiver.receive(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/webhooks`;
  }

  /** The ids of the events that it got, in their order. */
  get ids(): string[] {
    return this.calls.map(({ headers }) => String(headers['webhook-id']));
  }

  private async receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.calls.push({ headers: request.headers, body: await text(request) });
    response.writeHead(this.answer.status).end(this.answer.body);
  }

  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }
}

/** Whether a call is signed with a secret, as a receiver with the library of Standard Webhooks finds out. */
export function isSignedWith(secret: string, { headers, body }: ReceivedCall): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
