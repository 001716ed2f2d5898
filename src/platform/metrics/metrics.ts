import { readFileSync } from 'node:fs';
import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, register, Registry } from 'prom-client';

/** Beside `src` and `dist`. */
const PACKAGE = new URL('../../../package.json', import.meta.url);

/**
 * The lag of the event loop is measured with this resolution, which its figures include. Each measurement wakes the
 * process, so a finer one would cost an idle instance more than its work.
 */
const LAG_RESOLUTION_MS = 50;

/**
 * Metrics. Counters and histograms belong to the process, in the library's default registry. Gauges that are read at
 * each scrape are here, in one registry per application, because tests run several in one process.
 */
@Injectable()
export class Metrics {
  /** The media type of the text. */
  static readonly CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

  readonly registry = new Registry();

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: LAG_RESOLUTION_MS });
    const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string };
    new Gauge({
      name: 'order_service_build_info',
      help: 'Always 1; the labels say which version runs on which Node.js.',
      labelNames: ['version', 'node'],
      registers,
    }).set({ version, node: process.version }, 1);
  }

  /** Everything, in the text format of Prometheus. */
  async text(): Promise<string> {
    return `${await register.metrics()}\n${await this.registry.metrics()}`;
  }
}
