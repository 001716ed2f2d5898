import { Global, Module } from '@nestjs/common';
import { Metrics } from './metrics.js';
import { PoolMetrics } from './pool.metrics.js';

/** What is measured, for every feature that measures something. */
@Global()
@Module({ providers: [Metrics, PoolMetrics], exports: [Metrics] })
export class MetricsModule {}
