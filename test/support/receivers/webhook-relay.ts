import { once } from 'node:events';
import { createServer, type IncomingMessage, request as send, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A delivery that the service sent. */
export interface Relayed {
  id: string;
  type: string;
  orderId: string;
  /** The status of the receiver; `lost` when only the relay answered, `reset` when the receiver did not. */
  outcome: number | 'lost' | 'reset';
}

type Head = Omit<Relayed, 'outcome'>;

/** Stands between the service and a receiver: notes every delivery, and may lose some after a success. */
export class WebhookRelay {
  readonly relayed: Relayed[] = [];
  /** Which deliveries are answered with 204 and go nowhere. */
  loses: (delivery: Head) => boolean = () => false;

  private constructor(private readonly server: Server) {}

  /** @param port of the receiver */
  static async start(port: number): Promise<WebhookRelay> {
    const server = createServer();
    const relay = new WebhookRelay(server);
    server.on('request', (request, response) => {
      relay
        .deliver(request, port)
        .then((status) =>
          status === undefined ? request.socket.destroy() : response.writeHead(status).end(),
        )
        .catch((error: unknown) => request.socket.destroy(error as Error));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return relay;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/orders`;
  }

  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private async deliver(request: IncomingMessage, port: number): Promise<number | undefined> {
    const body = await buffer(request);
    const { type, order_id: orderId } = JSON.parse(body.toString()) as { type: string; order_id: string };
    const head = { id: String(request.headers['webhook-id']), type, orderId };
    if (this.loses(head)) {
      this.relayed.push({ ...head, outcome: 'lost' });
      return 204;
    }
    const status = await forward(request, body, port);
    this.relayed.push({ ...head, outcome: status ?? 'reset' });
    return status;
  }
}

/** @returns the status of the receiver; undefined without an answer */
function forward({ headers, url }: IncomingMessage, body: Buffer, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const outgoing = send({ port, path: url, method: 'POST', headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    outgoing.on('error', () => resolve(undefined));
    outgoing.end(body);
  });
}
