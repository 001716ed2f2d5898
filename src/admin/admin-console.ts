import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, RouteShorthandOptions } from 'fastify';
import type { PinoLogger } from 'nestjs-pino';
import type { Settings } from '../config/settings.js';
import type { RouteAccess } from '../platform/http/caller.js';
import { Problem } from '../platform/http/problem.js';

/** What `npm run build` makes of `console/`; two levels above this file are the same in `dist` as in `src`. */
const FILES = fileURLToPath(new URL('../../dist/console/', import.meta.url));

const PAGE = 'index.html';

/** The name of an asset changes with its content, so a cached copy never needs revalidation. */
const YEAR_MS = 365 * 24 * 3_600 * 1_000;

/**
 * Only resources of the page, and nothing inline: text of an order can become neither a script nor a style. Trusted
 * Types stop the page's own script from building markup from text (https://w3c.github.io/trusted-types).
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join(';');

/** The files hold no data; the API behind them enforces the access. */
const ROUTE: RouteShorthandOptions = {
  config: { access: { group: 'always' } satisfies RouteAccess },
  onRequest: (_request, reply, done) => {
    // In place of the one for all other answers, which lets Swagger UI have inline styles.
    void reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
    done();
  },
};

/** Serves the admin console at /admin; addresses below it, which its script makes up, are the same page. */
export function serveAdminConsole(server: FastifyInstance, settings: Settings, logger: PinoLogger): void {
  if (!settings.ADMIN_CONSOLE) return;
  if (!existsSync(`${FILES}${PAGE}`)) {
    logger.warn('The admin console is not built, so there is nothing at /admin');
    serve(server, () => {
      throw Problem.http('not-found', 'The admin console is not built here; npm run build does it');
    });
    return;
  }
  // Not waited for: that would complete the routes before it, which have no handler of errors yet.
  void server.register(fastifyStatic, { root: FILES, serve: false, preCompressed: true });
  serve(server, sendPage);
  server.get('/admin/assets/*', ROUTE, (request, reply) => {
    const { '*': name } = request.params as { '*': string };
    return reply.sendFile(`assets/${name}`, { maxAge: YEAR_MS, immutable: true });
  });
}

/** Of an address with an ending, a file was expected: the page in its place would only confuse. */
function serve(server: FastifyInstance, send: (reply: FastifyReply) => FastifyReply): void {
  for (const path of ['/admin', '/admin/*']) {
    server.get(path, ROUTE, (request, reply) => {
      const [address = ''] = request.url.split('?', 1);
      if (extname(address) !== '') throw Problem.http('not-found', `There is nothing at GET ${address}`);
      return send(reply);
    });
  }
}

/** Revalidated each time, with 304 while it is unchanged, so that a new release is visible at once. */
function sendPage(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-cache').sendFile(PAGE, { cacheControl: false });
}
