import type { Socket } from 'node:net';

/** Node's parser of a connection. Its callbacks are numbered members; the numbers are constants of its class. */
type Parser = Record<number, unknown> & { constructor: Record<string, number> };

/** Called for each head, chunk and end of a request. Node sets them once, and reuses the parser for other connections. */
const CALLBACKS = ['kOnHeaders', 'kOnHeadersComplete', 'kOnBody', 'kOnMessageComplete'];

/**
 * Makes the HTTP server ignore what else arrives on a connection. The server parses up to 64 kB at once, with a callback for
 * each head and chunk, which may be 10,000. Only the absence of a callback saves its cost: neither pausing nor closing the
 * connection stops the parser before the end of these bytes, and Node has no public way to do it. Without this one, such
 * input would be refused all the same, but cost as much as if it were accepted.
 */
export function ignoreInput(socket: Socket): void {
  const { parser } = socket as { parser?: Parser | null };
  if (!parser) return;
  const numbers = CALLBACKS.flatMap((name) => parser.constructor[name] ?? []);
  const callbacks = numbers.map((number) => [number, parser[number]] as const);
  if (callbacks.some(([, callback]) => typeof callback !== 'function')) return;
  for (const number of numbers) parser[number] = null;
  socket.once('close', () => Object.assign(parser, Object.fromEntries(callbacks)));
}
