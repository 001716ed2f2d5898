import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Below the 72 s after which the service closes a connection on which nothing comes. */
const MAX_IDLE_MS = 30_000;

const HEAD_END = Buffer.from('\r\n\r\n');

export interface Answer {
  status: number;
  body: string;
}

/**
 * A connection that sends one request after another and parses the minimum of each response. A library's client costs
 * several times as much processor time, which on a shared machine would distort the measurement.
 */
export class Connection {
  private received: Buffer[] = [];
  private missing = 0;
  private status = 0;
  private isClosed = false;
  private usedAt = performance.now();
  private settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  private readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.read(chunk));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => {
      this.isClosed = true;
      this.fail(new Error('the connection was closed'));
    });
  }

  /** @param localAddress to call from; any of this machine by default */
  static async open(url: URL, localAddress?: string): Promise<Connection> {
    const socket = connect({ port: Number(url.port), host: url.hostname, localAddress });
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** Whether the other end has neither closed it nor is about to, for having heard nothing. */
  get isFresh(): boolean {
    return !this.isClosed && performance.now() - this.usedAt < MAX_IDLE_MS;
  }

  /** @param bytes the whole request, as `requestBytes` makes it */
  send(bytes: Buffer | string): Promise<Answer> {
    this.usedAt = performance.now();
    return new Promise((resolve, reject) => {
      // Nothing more would be heard of it.
      if (this.isClosed) return reject(new Error('the connection was closed before'));
      this.settle = { resolve, reject };
      this.socket.write(bytes);
    });
  }

  close(): void {
    this.settle = undefined;
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    this.received.push(chunk);
    if (this.status === 0) {
      const all = this.received.length === 1 ? chunk : Buffer.concat(this.received);
      const headEnd = all.indexOf(HEAD_END);
      if (headEnd < 0) {
        this.received = [all];
        return;
      }
      const head = all.subarray(0, headEnd).toString('latin1');
      const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
      this.status = Number(head.slice(9, 12));
      if (length === undefined && this.status !== 204 && this.status !== 304) {
        return this.fail(new Error(`an answer without a length: ${head}`));
      }
      const rest = all.subarray(headEnd + HEAD_END.length);
      this.received = [rest];
      this.missing = Number(length ?? 0) - rest.length;
    } else {
      this.missing -= chunk.length;
    }
    if (this.missing === 0) this.finish();
  }

  private finish(): void {
    const answer = { status: this.status, body: Buffer.concat(this.received).toString() };
    const { settle } = this;
    this.received = [];
    this.status = 0;
    this.settle = undefined;
    settle?.resolve(answer);
  }

  private fail(error: Error): void {
    const { settle } = this;
    this.settle = undefined;
    settle?.reject(error);
  }
}

/** A request as it goes over the wire. */
export function requestBytes(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): string {
  const text = body === undefined ? '' : JSON.stringify(body);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const about = body === undefined ? '' : 'content-type: application/json\r\n';
  return (
    `${method} ${path} HTTP/1.1\r\nhost: bench\r\n${about}${lines.join('')}` +
    `content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
  );
}
