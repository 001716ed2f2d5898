import { Global, Module } from '@nestjs/common';
import { Metrics } from './metrics.js';

/** The registry of metrics, for every feature that measures something. */
@Global()
@Module({ providers: [Metrics], exports: [Metrics] })
export class MetricsModule {}
