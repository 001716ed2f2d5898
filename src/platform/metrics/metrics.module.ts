import { Global, Module } from '@nestjs/common';
import { BackgroundLoops } from '../background-loops.js';
import { Metrics } from './metrics.js';
import { PoolMetrics } from './pool.metrics.js';

/** Metrics, and the progress of background loops, for every feature. */
@Global()
@Module({ providers: [Metrics, PoolMetrics, BackgroundLoops], exports: [Metrics, BackgroundLoops] })
export class MetricsModule {}
