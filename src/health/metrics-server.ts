import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { findForeignPage } from '../platform/http/edge/foreign-page.js';
import { Metrics } from '../platform/metrics/metrics.js';

/** A scraper sends a line and a few headers; a slower client is stuck or malicious. */
const REQUEST_TIMEOUT_MS = 5_000;

/**
 * Serves only metrics, on a port of their own: for networks in which clients of the API must not reach them, and
 * scrapers have no key. Answers until the end of the shutdown, so that it can be observed.
 */
@Injectable()
export class MetricsServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(MetricsServer.name);
  private readonly server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    this.answer(request, response).catch((error: unknown) => {
      this.logger.error({ err: error }, 'the metrics could not be collected');
      response.writeHead(500).end();
    });
  });

  constructor(
    private readonly metrics: Metrics,
    private readonly settings: Settings,
  ) {}

  /** @throws {Error} with a `code`, such as EADDRINUSE, when the port can't be had */
  async onApplicationBootstrap(): Promise<void> {
    const { METRICS_PORT, HOST } = this.settings;
    this.server.listen(METRICS_PORT, HOST);
    await once(this.server, 'listening');
  }

  onApplicationShutdown(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer({ method, url, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('cache-control', 'no-store');
    const isRead = method === 'GET' || method === 'HEAD';
    const { AUTH, CORS_ORIGINS: origins } = this.settings;
    if (AUTH === 'none' && findForeignPage(headers, { origins })) response.writeHead(403).end();
    else if (url?.split('?', 1)[0] !== '/metrics') response.writeHead(404).end();
    else if (!isRead) response.writeHead(405, { allow: 'GET, HEAD' }).end();
    else response.writeHead(200, { 'content-type': Metrics.CONTENT_TYPE }).end(await this.metrics.text());
  }
}
