import { Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { DataSource } from 'typeorm';
import { Settings } from '../../config/settings.js';
import { poolOf } from '../database/connection.js';
import { Metrics } from './metrics.js';

/** Utilisation of the connection pool, which serves requests and recovery. */
@Injectable()
export class PoolMetrics {
  constructor(dataSource: DataSource, settings: Settings, { registry }: Metrics) {
    const registers = [registry];
    new Gauge({
      name: 'database_pool_limit',
      help: 'Maximum of connections of the pool (DATABASE_POOL_SIZE).',
      registers,
    }).set(settings.DATABASE_POOL_SIZE);
    const connections: Gauge<'state'> = new Gauge({
      name: 'database_pool_connections',
      help: 'Connections of the pool by state (in_use, idle).',
      labelNames: ['state'],
      registers,
      collect: () => {
        const { totalCount = 0, idleCount = 0 } = poolOf(dataSource) ?? {};
        connections.set({ state: 'in_use' }, totalCount - idleCount);
        connections.set({ state: 'idle' }, idleCount);
      },
    });
    const waiting: Gauge = new Gauge({
      name: 'database_pool_waiting',
      help: 'Statements and transactions that wait for a connection of the pool.',
      registers,
      collect: () => waiting.set(poolOf(dataSource)?.waitingCount ?? 0),
    });
  }
}
