import { Global, Module } from '@nestjs/common';
import { DatabaseOutage } from '../database/database-outage.js';
import { PointReads } from '../database/batching/point-reads.js';
import { JobQueue } from './job-queue.js';
import { JobReportsRepository } from './job-reports.repository.js';
import { JobRepository } from './job.repository.js';

/** The job queue, and who tells of a database that is away, for every feature that does background work. */
@Global()
@Module({
  providers: [JobQueue, JobRepository, JobReportsRepository, DatabaseOutage, PointReads],
  exports: [JobQueue, JobRepository, JobReportsRepository, DatabaseOutage, PointReads],
})
export class JobsModule {}
