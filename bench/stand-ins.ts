import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/**
 * The inventory and the notification service at their cheapest, in a process of its own: every product exists and
 * never runs out, every customer is told. They answer in the form of the real ones, and keep nothing but a count of
 * messages, so that a benchmark measures the service and not what it talks to.
 *
 * Usage: node bench/stand-ins.ts <port>
 */
const PRICE = 10;
const PLENTY = 1_000_000_000;

let told = 0;

function answerFor(method: string, path: string, body: string): [status: number, body: unknown] {
  const [, resource = '', id = '', action] = path.split('/');
  if (resource === 'reservations') return method === 'POST' ? [201, {}] : [204, undefined];
  if (resource === 'inventory' && action === undefined) {
    return [200, { product_id: id, name: `Product ${id}`, quantity: PLENTY, price: PRICE }];
  }
  if (resource === 'inventory') {
    const { quantity } = JSON.parse(body) as { quantity: number };
    const timestamp = new Date().toISOString();
    const left = { previous_quantity: PLENTY, remaining_quantity: PLENTY - quantity };
    return [200, { product_id: id, name: `Product ${id}`, ...left, reserved_quantity: quantity, timestamp }];
  }
  if (resource === 'notify') {
    told += 1;
    return [
      200,
      { notification_id: told, message: 'sent', type: 'email', timestamp: new Date().toISOString() },
    ];
  }
  return resource === 'told' ? [200, { told }] : [404, { detail: 'there is nothing here' }];
}

function handle(request: IncomingMessage, response: ServerResponse): void {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    const [status, answer] = answerFor(request.method ?? '', request.url ?? '', body);
    const text = answer === undefined ? '' : JSON.stringify(answer);
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  });
}

const server = createServer({ keepAliveTimeout: 60_000 }, handle);
server.listen(Number(process.argv[2]), '127.0.0.1');
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
