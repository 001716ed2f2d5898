import { Global, Module } from '@nestjs/common';
import { DatabaseOutage } from '../platform/database/database-outage.js';
import { PointReads } from '../platform/database/batching/point-reads.js';
import { OrderTasksRepository } from './order-tasks.repository.js';
import { TaskRepository } from './task.repository.js';
import { Tasks } from './tasks.service.js';

/** The task engine, for every feature that has work to be done after a commit. */
@Global()
@Module({
  providers: [Tasks, TaskRepository, OrderTasksRepository, DatabaseOutage, PointReads],
  exports: [Tasks, TaskRepository, DatabaseOutage, PointReads],
})
export class TasksModule {}
