import { Injectable } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';

/** Whether this instance accepts traffic. Requests that arrive anyway are answered until the end. */
@Injectable()
export class Availability {
  private withdrawn = false;

  get isWithdrawn(): boolean {
    return this.withdrawn;
  }

  /** Reports from now on, in the readiness check and in each response, that the instance is going away. */
  withdraw(): void {
    this.withdrawn = true;
  }

  /** Makes clients leave their connections with the answer, so that none of them uses one that is being closed. */
  announceTo(server: FastifyInstance): void {
    server.addHook('onSend', (_request, reply, _payload, done) => {
      if (this.withdrawn) void reply.header('connection', 'close');
      done();
    });
  }
}
