import { type DynamicModule, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import type { Settings } from '../config/settings.js';
import { Availability } from './availability.js';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';
import { MetricsServer } from './metrics-server.js';

/** Liveness, readiness and metrics. */
@Module({})
export class HealthModule {
  static with({ METRICS_PORT }: Settings): DynamicModule {
    // Metrics are served in one place: with a port of their own, they are not on the API's port.
    const isApart = METRICS_PORT !== undefined;
    return {
      module: HealthModule,
      imports: [TerminusModule.forRoot({ logger: false })],
      controllers: isApart ? [HealthController] : [HealthController, MetricsController],
      providers: isApart ? [Availability, MetricsServer] : [Availability],
    };
  }
}
