import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeEndpoint } from '@nestjs/swagger';
import { Gauge, Registry } from 'prom-client';
import { OrderRepository } from '../orders/order.repository.js';
import { Metrics } from '../platform/metrics/metrics.js';

/** Metrics in the text format of Prometheus. */
@Controller('metrics')
export class MetricsController {
  private readonly linesInDoubt: Gauge;
  private readonly pendingOrders: Gauge;

  constructor(
    private readonly orders: OrderRepository,
    private readonly metrics: Metrics,
  ) {
    const registers = [metrics.registry];
    this.linesInDoubt = new Gauge({
      name: 'order_lines_in_doubt',
      help: 'Lines of orders of which nobody knows whether their stock is held.',
      registers,
    });
    this.pendingOrders = new Gauge({
      name: 'orders_pending',
      help: 'Orders whose placement is not settled yet.',
      registers,
    });
  }

  @Get()
  @Header('content-type', Registry.PROMETHEUS_CONTENT_TYPE)
  @ApiExcludeEndpoint()
  async getMetrics(): Promise<string> {
    this.linesInDoubt.set(await this.orders.countLinesInDoubt());
    this.pendingOrders.set(await this.orders.countPending());
    return this.metrics.registry.metrics();
  }
}
