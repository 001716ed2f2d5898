import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { identityOf } from '../caller.js';
import { Problem, PROBLEM_MEDIA_TYPE } from '../problem.js';
import { AddressStore, WINDOW_MS } from './rate-limit-store.js';

/** The name of the only policy in the RateLimit header fields. */
const POLICY = 'requests';

const WINDOW_SECONDS = WINDOW_MS / 1_000;

/** Probes of supervisors and load balancers must never be limited, nor the pages that come with the service. */
const EXEMPT = /^\/(?:health|docs|admin)(?:[/?-]|$)/;

/** How a caller stands after a request. */
interface Allowance {
  /** Requests left in this window. */
  remaining: number;
  /** Whether this request was one too many. */
  isExceeded: boolean;
  /** Whole seconds until the next window. */
  seconds: number;
}

type Limiter = ReturnType<FastifyInstance['createRateLimit']>;

/**
 * Limits the requests a minute that each caller sends to this instance. A caller is the authenticated sender, or else the
 * address of the client. The two are counted in different stores: addresses cost nothing, so a flood of them must not take
 * the room of authenticated callers.
 *
 * Requests to an operation are counted before it begins and after its caller is known. All others (unknown paths, bodies
 * that can't be read, wrong credentials) are counted by address when they are answered, so that guessing keys uses up the
 * allowance of that address only.
 */
export class RateLimit {
  private readonly allowances = new WeakMap<FastifyRequest, Allowance>();

  private constructor(
    private readonly perMinute: number,
    private readonly byAddress: Limiter,
    private readonly byCaller: Limiter,
  ) {}

  /** @param perMinute requests of one caller; more than 0 */
  static async impose(server: FastifyInstance, perMinute: number): Promise<void> {
    await server.register(rateLimit, {
      global: false,
      max: perMinute,
      timeWindow: WINDOW_MS,
      store: AddressStore,
      keyGenerator: (request) => request.ip,
    });
    // Options of its own give it a store of its own: a child of the other.
    const byCaller = server.createRateLimit({ keyGenerator: (request) => identityOf(request) ?? request.ip });
    const limit = new RateLimit(perMinute, server.createRateLimit(), byCaller);
    server.addHook('preHandler', (request) => limit.check(request));
    server.addHook('onSend', (request, reply, payload) => limit.tell(request, reply, payload));
  }

  /** @throws {Problem} rate-limit-exceeded */
  private async check(request: FastifyRequest): Promise<void> {
    if (EXEMPT.test(request.url)) return;
    const allowance = await this.count(request);
    if (allowance.isExceeded) throw exceeded(this.perMinute, allowance);
  }

  private async count(request: FastifyRequest): Promise<Allowance> {
    const limiter = identityOf(request) === undefined ? this.byAddress : this.byCaller;
    const result = await limiter(request);
    if (result.isAllowed) throw new Error('the rate limit has an unexpected exemption');
    const { remaining, isExceeded, ttlInSeconds: seconds } = result;
    const allowance = { remaining, isExceeded, seconds };
    this.allowances.set(request, allowance);
    return allowance;
  }

  /** Adds the RateLimit headers, and counts requests that no operation has counted. */
  private async tell(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
    if (EXEMPT.test(request.url)) return payload;
    const counted = this.allowances.get(request);
    const allowance = counted ?? (await this.count(request));
    void reply.headers({
      'ratelimit-policy': `"${POLICY}";q=${this.perMinute};w=${WINDOW_SECONDS}`,
      ratelimit: `"${POLICY}";r=${allowance.remaining};t=${allowance.seconds}`,
    });
    if (counted || !allowance.isExceeded) return payload;
    const problem = exceeded(this.perMinute, allowance);
    void reply.code(problem.status).headers(problem.headers).header('content-type', PROBLEM_MEDIA_TYPE);
    void reply.removeHeader('content-length');
    return JSON.stringify(problem.toBody());
  }
}

function exceeded(perMinute: number, { seconds }: Allowance): Problem {
  const detail = `There may be ${perMinute} requests a minute; the next will be answered in ${seconds} seconds`;
  return Problem.http('rate-limit-exceeded', detail, {}, { 'retry-after': String(seconds) });
}
