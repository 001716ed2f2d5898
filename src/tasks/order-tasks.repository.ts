import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Sql } from '../platform/database/connection.js';
import { INSERT_INTO_EMPTY_LANE, type LimitedTask, valuesOf } from './task-inserts.js';
import type { TaskState } from './task.entity.js';
import type { TaskKind } from './task-kind.js';

/** Statements on the tasks of a single order. */
@Injectable()
export class OrderTasksRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Inserts a task unless its lane has one already, dead ones included. Two callers may both ask for it. */
  async insertIntoEmptyLane(task: LimitedTask, sql: Sql = this.dataSource): Promise<void> {
    await sql.query(INSERT_INTO_EMPTY_LANE, valuesOf(task));
  }

  /** The state of the first task of a lane; undefined where it has none. */
  async findState(orderId: string, { lane }: TaskKind): Promise<TaskState | undefined> {
    const [row] = await this.dataSource.query<{ state: TaskState }[]>(
      `SELECT state FROM tasks WHERE order_id = $1 AND lane = $2 ORDER BY seq LIMIT 1`,
      [orderId, lane],
    );
    return row?.state;
  }
}
