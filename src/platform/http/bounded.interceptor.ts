import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { finalize, type Observable } from 'rxjs';
import { Settings } from '../../config/settings.js';
import { Deadline } from '../deadline.js';
import { Gate, NoRoom } from '../gate.js';
import { overloaded } from './problem.js';

/**
 * Reads at a time for each connection of the pool. They wait in its queue for a few statements of a millisecond or two;
 * whoever comes after them would wait for so long that an early refusal is the better answer.
 */
const READS_PER_CONNECTION = 10;

/** A burst of orders may wait for this long to begin: hardly noticed by who gets in, and soon told to who does not. */
export const ADMISSION_MS = 50;

/** Lets only so many requests in at a time. The others are refused before even their body is looked at. */
abstract class BoundedInterceptor implements NestInterceptor {
  protected constructor(
    private readonly gate: Gate,
    private readonly waitMs: number,
  ) {}

  async intercept(_context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const leave = await this.enter();
    return next.handle().pipe(finalize(leave));
  }

  private async enter(): Promise<() => void> {
    try {
      return await this.gate.enter(Deadline.in(this.waitMs));
    } catch (error) {
      throw error instanceof NoRoom ? overloaded() : error;
    }
  }
}

/** For requests that need nothing but the database. */
@Injectable()
export class BoundedReads extends BoundedInterceptor {
  constructor(settings: Settings) {
    super(new Gate(settings.DATABASE_POOL_SIZE * READS_PER_CONNECTION, 0), 0);
  }
}

/** For requests that place orders, which need other services and take accordingly long. */
@Injectable()
export class BoundedPlacements extends BoundedInterceptor {
  constructor(settings: Settings) {
    // As many may wait as are inside: more than those could not get in in time anyway.
    super(new Gate(settings.MAX_PLACEMENTS, settings.MAX_PLACEMENTS), ADMISSION_MS);
  }
}
