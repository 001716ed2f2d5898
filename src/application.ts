import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { Logger, PinoLogger } from 'nestjs-pino';
import { serveAdminConsole } from './admin/admin-console.js';
import { serveStartPage } from './admin/start-page.js';
import { AppModule } from './app.module.js';
import { Authenticator } from './auth/authenticator.js';
import { declareRoutes, guardRoutes } from './auth/route-access.js';
import type { Settings } from './config/settings.js';
import { Availability } from './health/availability.js';
import { ordersInAddress } from './orders/order-id.js';
import { boundRoutes } from './platform/http/bounded-routes.js';
import { shareProcessor } from './platform/http/load/processor-turns.js';
import { cutSlowReaders, READER_LIMITS, type ReaderLimits } from './platform/http/load/slow-readers.js';
import { closeUnread } from './platform/http/input/body-chunks.js';
import { BODY_LIMIT_BYTES, acceptJsonBodies } from './platform/http/input/json-body.js';
import { serveOpenApiDocument } from './openapi-document.js';
import { frameworkProblem, sendProblem } from './platform/http/problem.filter.js';
import {
  connectionLimits,
  type ConnectionLimits,
  serverOptions,
} from './platform/http/edge/connection-limits.js';
import { SECURITY_HEADERS } from './platform/http/edge/browser-headers.js';
import { setUpEdge } from './platform/http/edge.js';
import type { LogDestination } from './platform/logger-options.js';
import { Metrics } from './platform/metrics/metrics.js';
import { webhooksInAddress } from './webhooks/webhook-subject.js';
import { requestIdOf } from './platform/http/edge/request-identity.js';

/** An id has at most 128 characters of up to twelve each in a URL (four bytes, percent-encoded). */
const MAX_PATH_PARAMETER_LENGTH = 128 * 12;

/** What tests need to be otherwise. */
export interface ApplicationOverrides {
  /** How long clients may take, where a test can't wait for as long as usual. */
  limits?: ConnectionLimits | undefined;
  /** How slowly clients may read, for the same reason. */
  readers?: ReaderLimits | undefined;
  /** Where the log goes instead of to the standard output, for tests that read it. */
  logTo?: LogDestination | undefined;
}

/** The application, ready to listen: it is connected to the database and does its background work. */
export async function createApplication(
  settings: Settings,
  { limits = connectionLimits(settings), readers = READER_LIMITS, logTo }: ApplicationOverrides = {},
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    ...serverOptions(limits),
    genReqId: requestIdOf,
    trustProxy: settings.TRUST_PROXY.length > 0 ? settings.TRUST_PROXY : false,
    // Requests that arrive during the shutdown are still answered.
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PATH_PARAMETER_LENGTH },
    // What the router can't even read, such as a malformed escape, reaches neither the hooks nor a controller's filter.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      closeUnread(request, reply);
      sendProblem(reply.headers(SECURITY_HEADERS), frameworkProblem(error.statusCode ?? 400, error, request));
    },
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(settings, logTo), adapter, {
    bodyParser: false,
    abortOnError: false,
    // The framework logs each module and route at the start, which is noise.
    logger: ['error', 'warn'],
  });
  const server = adapter.getInstance();
  acceptJsonBodies(server);
  declareRoutes(server);
  const shares = shareProcessor(server);
  boundRoutes(server, settings, app.get(Metrics).registry);
  cutSlowReaders(server, readers);
  const logger: PinoLogger = await app.resolve(PinoLogger);
  await setUpEdge(server, settings, logger, shares, (params) => [
    ...ordersInAddress(params),
    ...webhooksInAddress(params),
  ]);
  guardRoutes(server, app.get(Authenticator), settings, shares);
  app.get(Availability).announceTo(server);
  serveOpenApiDocument(app);
  serveAdminConsole(server, settings, logger);
  serveStartPage(server, settings);
  try {
    await app.init();
  } catch (error) {
    // Its connections would keep the process alive. What closing half an application fails with explains nothing.
    await app.close().catch(() => undefined);
    throw error;
  }
  app.useLogger(app.get(Logger));
  return app;
}
