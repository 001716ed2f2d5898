import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** Continue, and do not report this point again. */
const GONE = 410;

interface Arrival {
  point: string;
  pid: number;
  orderId?: string;
}

/** The action at a pause point. The process continues when the promise settles. */
interface Trap {
  point: string;
  spring: (arrival: Arrival) => Promise<void> | void;
}

/** The service reports every pause point to this server and continues when it responds. */
export class PauseServer {
  /** Number of reports of each point; points without a waiting trap are reported once per process. */
  readonly reached = new Map<string, number>();
  /** The points that each process keeps reporting, because it will be paused there later. */
  private readonly wanted = new Map<number, ReadonlySet<string>>();
  private readonly traps = new Map<number, Trap>();

  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  static async start(): Promise<PauseServer> {
    const http = createServer();
    const server = new PauseServer(http);
    http.on('request', (request, response) => {
      server.answer(request, response).catch(() => response.destroy());
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return server;
  }

  get url(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    return `http://127.0.0.1:${address.port}/`;
  }

  /** Sets the points at which a new process may be paused during its life. */
  want(pid: number, points: Iterable<string>): void {
    this.wanted.set(pid, new Set(points));
  }

  /** Pauses a process the next time that it reaches the point. @returns a function that removes the trap */
  set(pid: number, trap: Trap): () => void {
    this.traps.set(pid, trap);
    return () => this.traps.delete(pid);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const arrival = JSON.parse(text) as Arrival;
    const { point, pid } = arrival;
    this.reached.set(point, (this.reached.get(point) ?? 0) + 1);
    const trap = this.traps.get(pid);
    if (trap?.point === point) {
      this.traps.delete(pid);
      await trap.spring(arrival);
    }
    // Unknown processes keep reporting: one may reach a point before its start is complete.
    const isWanted = this.wanted.get(pid)?.has(point) ?? true;
    response.writeHead(isWanted ? 200 : GONE).end();
  }
}
