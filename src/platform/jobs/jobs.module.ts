import { Global, Module } from '@nestjs/common';
import { JobQueue } from './job-queue.js';
import { JobRepository } from './job.repository.js';

/** The job queue, for every feature that sends or does background work. */
@Global()
@Module({ providers: [JobQueue, JobRepository], exports: [JobQueue, JobRepository] })
export class JobsModule {}
