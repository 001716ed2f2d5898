import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/**
 * A TCP proxy in front of a database that can drop every byte while all sockets stay open, as a firewall does, and that
 * can lead to another server.
 */
export class SilentProxy {
  private readonly sockets = new Set<Socket>();
  /** Connections that have lost bytes: a TCP connection never recovers from that. */
  private readonly dead = new Set<Socket>();
  private isSilent = false;
  private port = 0;
  private readonly server = createServer((socket) => this.forward(socket));

  constructor(private databaseUrl: string) {}

  get url(): string {
    const url = new URL(this.databaseUrl);
    url.host = `127.0.0.1:${this.port}`;
    return url.href;
  }

  async start(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    const address = this.server.address();
    if (address !== null && typeof address === 'object') this.port = address.port;
  }

  /** From now on no byte passes, and the current connections stay dead for good. */
  silence(): void {
    this.isSilent = true;
    for (const socket of this.sockets) this.dead.add(socket);
  }

  /** New connections work again. */
  heal(): void {
    this.isSilent = false;
  }

  /**
   * Like a failover that moves a host name: the current connections stay dead for good, and new ones lead to another
   * server.
   */
  moveTo(databaseUrl: string): void {
    for (const socket of this.sockets) this.dead.add(socket);
    this.databaseUrl = databaseUrl;
  }

  /** New connections lead to another server, as after a failover; the current ones are closed. */
  switchTo(databaseUrl: string): void {
    this.databaseUrl = databaseUrl;
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private forward(socket: Socket): void {
    const { hostname, port } = new URL(this.databaseUrl);
    const database = connect(Number(port), hostname);
    for (const [from, to] of [
      [socket, database],
      [database, socket],
    ] as const) {
      this.sockets.add(from);
      if (this.isSilent) this.dead.add(from);
      from.on('data', (bytes: Buffer) => {
        if (!this.dead.has(from) && !to.destroyed) to.write(bytes);
      });
      from.once('error', () => undefined);
      from.once('close', () => {
        this.sockets.delete(from);
        // The end of a dead connection is not forwarded either.
        if (!this.dead.has(from)) to.destroy();
      });
    }
  }
}
