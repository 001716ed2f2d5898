import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeEndpoint } from '@nestjs/swagger';
import { RequireScopes } from '../auth/access.js';
import { Metrics } from '../platform/metrics/metrics.js';

/** Metrics beside the API, where they have no port of their own. */
@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @RequireScopes('operations')
  @Header('content-type', Metrics.CONTENT_TYPE)
  @ApiExcludeEndpoint()
  async getMetrics(): Promise<string> {
    return this.metrics.text();
  }
}
