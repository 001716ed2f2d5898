import { Global, Module } from '@nestjs/common';
import { JobQueue } from './job-queue.js';

/** The job queue, for every feature that sends or does background work. */
@Global()
@Module({ providers: [JobQueue], exports: [JobQueue] })
export class JobsModule {}
