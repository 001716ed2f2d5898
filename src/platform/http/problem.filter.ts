import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { describeUnavailability, isDatabaseUnavailable } from '../database/session/database-errors.js';
import { typeOf } from '../telemetry/tracer.js';
import { noteProblem } from '../telemetry/request-context.js';
import {
  malformedPath,
  nothingAt,
  Problem,
  PROBLEM_MEDIA_TYPE,
  RETRY_AFTER,
  upstreamProblem,
} from './problem.js';
import { REQUEST_ID_HEADER } from './edge/request-identity.js';
import { UpstreamFault } from '../upstream/upstream-fault.js';

/** Request faults of the framework and its HTTP server, by status. */
const FRAMEWORK_PROBLEMS = {
  404: 'not-found',
  413: 'payload-too-large',
  415: 'unsupported-media-type',
} as const;

/**
 * Converts exceptions to problem details. An unexpected error is logged with its stack and returned as a plain 500.
 * For other errors the access log line is enough: an outage would fill the log otherwise.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const problem = this.toProblem(thrown, request);
    noteProblem(problem.name, faultOf(thrown));
    if (problem.name === 'internal-error') this.logger.error({ err: thrown }, problem.message);
    sendProblem(reply, problem);
  }

  private toProblem(thrown: unknown, request: FastifyRequest): Problem {
    if (thrown instanceof Problem) return thrown;
    if (thrown instanceof UpstreamFault) return upstreamProblem(thrown);
    // A client that leaves in the middle of its request causes the same error as a database that does.
    if (isDatabaseUnavailable(thrown) && clientErrorStatus(thrown) === undefined) {
      return Problem.http('database-unavailable', describeUnavailability(thrown), {}, RETRY_AFTER);
    }
    const status = thrown instanceof HttpException ? thrown.getStatus() : clientErrorStatus(thrown);
    return status === undefined || status >= 500
      ? Problem.http('internal-error', 'The service has failed; the fault has been logged')
      : frameworkProblem(status, thrown, request);
  }
}

/** Why a service or the database gave no answer, in words that hold nothing of the request. */
function faultOf(thrown: unknown): string | undefined {
  if (thrown instanceof UpstreamFault) return thrown.message;
  return isDatabaseUnavailable(thrown) ? typeOf(thrown) : undefined;
}

/** Writes a problem as the answer; also for requests that fail before any controller is reached. */
export function sendProblem(reply: FastifyReply, problem: Problem): void {
  void reply
    .status(problem.status)
    .headers(problem.headers)
    // Refusals of the router bypass the hooks that set these.
    .header(REQUEST_ID_HEADER, reply.request.id)
    .header('cache-control', 'no-store')
    .header('content-type', PROBLEM_MEDIA_TYPE)
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problem.toBody());
}

/** A request that the HTTP server refused: its status and reason, without a framework's own words for the place. */
export function frameworkProblem(status: number, thrown: unknown, request: FastifyRequest): Problem {
  const path = request.url.split('?', 1)[0] ?? '';
  // The server of Swagger UI's files returns 403 for a path that leaves its folder.
  if (status === 404 || status === 403) {
    return nothingAt(request.method, path);
  }
  // The framework's own message would repeat all of it.
  if (status === 414) return Problem.http('uri-too-long', 'A part of the address is too long');
  if (codeOf(thrown) === 'FST_ERR_BAD_URL') return malformedPath();
  if (status in FRAMEWORK_PROBLEMS) {
    const name = FRAMEWORK_PROBLEMS[status as keyof typeof FRAMEWORK_PROBLEMS];
    return Problem.http(name, thrown instanceof Error ? thrown.message : 'The request was refused');
  }
  return Problem.invalidRequest([
    { field: '', message: thrown instanceof Error ? thrown.message : 'was refused' },
  ]);
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}

/** Status that Fastify gives to its own errors about a request. */
function clientErrorStatus(thrown: unknown): number | undefined {
  return thrown instanceof Error && 'statusCode' in thrown && typeof thrown.statusCode === 'number'
    ? thrown.statusCode
    : undefined;
}
