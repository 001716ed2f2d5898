import { connect, type Socket } from 'node:net';

/** A plain TCP connection to the service, for requests that no client library would write. */
export function openConnection(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Reads a connection until it ends. A reset at the end does not discard what came before. */
export function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (data: string) => (text += data));
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

/** Sends text and reads until the service closes the connection. */
export async function sendText(url: string, text: string): Promise<string> {
  const socket = await openConnection(url);
  const answer = readAll(socket);
  socket.write(text, 'latin1');
  return answer;
}

/** One parsed response of a connection. */
export interface RawAnswer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** Parses the first response in a text; its body must be JSON. */
export function parseAnswer(text: string): RawAnswer {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  const [statusLine = '', ...fields] = head.split('\r\n');
  const headers = new Headers();
  for (const field of fields) {
    const colon = field.indexOf(':');
    headers.append(field.slice(0, colon), field.slice(colon + 1).trim());
  }
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  return { status, headers, body: JSON.parse(body || '{}') as Record<string, unknown> };
}
