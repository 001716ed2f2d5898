import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../problem.js';
import { findForeignPage } from './foreign-page.js';

/**
 * Refuses requests of foreign pages.
 *
 * @param origins sites whose pages may call
 * @param delay waits until a refusal leaves the others their share of the processor
 */
export function refuseForeignPages(
  server: FastifyInstance,
  origins: readonly string[],
  delay: (request: FastifyRequest) => Promise<void>,
): void {
  server.addHook('onRequest', (request, _reply, done) => {
    const reason = findForeignPage(request.headers, { origins, isPage: isPage(request) });
    if (reason === undefined) return done();
    const refuse = (): void => done(Problem.http('cross-site-request', reason));
    void delay(request).then(refuse, done);
  });
}

/** Documentation, problem pages and the console: public routes that hold no data. */
function isPage({ method, routeOptions }: FastifyRequest): boolean {
  const { access } = routeOptions.config;
  return method === 'GET' && access !== undefined && 'group' in access;
}
