import { Injectable } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';

/** Whether this instance wants requests. Requests that come all the same are answered until the very end. */
@Injectable()
export class Availability {
  private withdrawn = false;

  get isWithdrawn(): boolean {
    return this.withdrawn;
  }

  /** Says from now on, to whoever asks whether the service is ready and in each answer, that it is going away. */
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
