import { createServer, type Socket } from 'node:net';

/**
 * The cheapest possible inventory and notification service, in a process of its own: every product that is not called
 * UNKNOWN exists and never runs out, every notification and webhook is accepted. They respond in the real format, but only count
 * messages and read only the first line and the length of a request, so that a benchmark measures the service and not
 * its upstreams.
 *
 * Usage: node bench/support/stand-ins.ts <port>
 */
const PRICE = 10;
const PLENTY = 1_000_000_000;

/** As long as a client that is measured may keep a connection that it does not use. */
const KEEP_ALIVE_SECONDS = 60;

let told = 0;

function answerFor(method: string, path: string, body: string): [status: string, body: unknown] {
  const [, resource = '', id = '', action] = path.split('/');
  if (resource === 'reservations')
    return method === 'POST' ? ['201 Created', {}] : ['204 No Content', undefined];
  if (resource === 'inventory' && id.startsWith('UNKNOWN')) {
    return ['404 Not Found', { detail: 'there is no such product' }];
  }
  if (resource === 'inventory' && action === undefined) {
    return ['200 OK', { product_id: id, name: `Product ${id}`, quantity: PLENTY, price: PRICE }];
  }
  if (resource === 'inventory') {
    const { quantity } = JSON.parse(body) as { quantity: number };
    const timestamp = new Date().toISOString();
    const left = { previous_quantity: PLENTY, remaining_quantity: PLENTY - quantity };
    return [
      '200 OK',
      { product_id: id, name: `Product ${id}`, ...left, reserved_quantity: quantity, timestamp },
    ];
  }
  if (resource === 'notify') {
    told += 1;
    const timestamp = new Date().toISOString();
    return ['200 OK', { notification_id: told, message: 'sent', type: 'email', timestamp }];
  }
  if (resource === 'hooks') {
    told += 1;
    return ['204 No Content', undefined];
  }
  return resource === 'told' ? ['200 OK', { told }] : ['404 Not Found', { detail: 'there is nothing here' }];
}

function answer(head: string, body: string): string {
  const [method = '', path = ''] = head.slice(0, head.indexOf('\r\n')).split(' ');
  const [status, content] = answerFor(method, path, body);
  const text = content === undefined ? '' : JSON.stringify(content);
  const length = content === undefined ? '' : `content-length: ${Buffer.byteLength(text)}\r\n`;
  return (
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n${length}` +
    `connection: keep-alive\r\nkeep-alive: timeout=${KEEP_ALIVE_SECONDS}\r\n\r\n${text}`
  );
}

function serve(socket: Socket): void {
  // One character a byte, so that lengths in the head count characters; nothing here depends on what they mean.
  let received = '';
  socket.setNoDelay(true);
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    received += chunk.toString();
    for (;;) {
      const headEnd = received.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const head = received.slice(0, headEnd + 2);
      const end = headEnd + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (received.length < end) return;
      socket.write(answer(head, received.slice(headEnd + 4, end)));
      received = received.slice(end);
    }
  });
  // A client that is ended resets its connection.
  socket.on('error', () => socket.destroy());
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
}

const sockets = new Set<Socket>();
const server = createServer(serve);
server.listen(Number(process.argv[2]), '127.0.0.1');
process.once('SIGTERM', () => {
  server.close();
  for (const socket of sockets) socket.destroy();
});
