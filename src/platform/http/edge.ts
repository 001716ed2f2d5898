import type { FastifyInstance } from 'fastify';
import type { PinoLogger } from 'nestjs-pino';
import type { Settings } from '../../config/settings.js';
import { serveProblemPages } from './edge/problem-pages.js';
import { logRequests, type SubjectsInAddress } from './request-log.js';
import { allowOrigins, setSecurityHeaders } from './edge/browser-headers.js';
import { controlCaches } from './edge/caching.js';
import { compressJson } from './edge/compression.js';
import { refuseForeignPages } from './edge/foreign-pages.js';
import { MalformedRequests } from './edge/malformed-requests.js';
import { OtherMethods } from './edge/other-methods.js';
import { RateLimit } from './edge/rate-limit.js';
import { checkRequests } from './edge/request-checks.js';
import { limitPipelining } from './input/pipelined-requests.js';
import type { ProcessorShares } from './load/processor-shares.js';
import { delayRefusal } from './load/processor-turns.js';

/** Sets up everything that happens to a request before its operation, in this order, and to its answer. */
export async function setUpEdge(
  server: FastifyInstance,
  settings: Settings,
  logger: PinoLogger,
  shares: ProcessorShares,
  subjectsIn: SubjectsInAddress,
): Promise<void> {
  const isCorsOn = settings.CORS_ORIGINS.length > 0;
  const otherMethods = new OtherMethods(server);
  new MalformedRequests(logger).watch(server);
  logRequests(server, logger, settings.REQUEST_DEADLINE_MS, subjectsIn);
  limitPipelining(server);
  compressJson(server);
  setSecurityHeaders(server);
  otherMethods.answerOptions(isCorsOn);
  if (isCorsOn) await allowOrigins(server, settings.CORS_ORIGINS);
  if (settings.RATE_LIMIT_PER_MINUTE > 0) {
    await RateLimit.impose(server, settings.RATE_LIMIT_PER_MINUTE);
  }
  // After the rate limit, which turns responses into errors.
  controlCaches(server, settings);
  checkRequests(server);
  if (settings.AUTH === 'none') {
    refuseForeignPages(server, settings.CORS_ORIGINS, (request) => delayRefusal(shares, request));
  }
  otherMethods.refuseOthers();
  serveProblemPages(server);
}
