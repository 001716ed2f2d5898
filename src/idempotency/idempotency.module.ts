import { Global, Module } from '@nestjs/common';
import { IdempotencyRepository } from './idempotency.repository.js';
import { Idempotency } from './idempotency.js';

/** Idempotency keys, for every feature whose requests may carry one. */
@Global()
@Module({
  providers: [Idempotency, IdempotencyRepository],
  exports: [Idempotency, IdempotencyRepository],
})
export class IdempotencyModule {}
