import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Settings } from '../../../config/settings.js';

/** The request headers with credentials. */
const CREDENTIALS = ['Authorization', 'X-API-Key'];

const FIRST_ERROR = 400;

/**
 * Keeps responses that depend on the caller out of caches (RFC 9111, section 5.2.2). A response with an ETag may stay in the
 * caller's own cache, which asks before each use whether it is still current. Pages and files that all callers get may be
 * stored by any cache.
 */
export function controlCaches(server: FastifyInstance, settings: Pick<Settings, 'DOCS_PUBLIC'>): void {
  server.addHook('onSend', (request, reply, payload, done) => {
    const isPublic = isSameForAll(request, settings.DOCS_PUBLIC);
    const isShared = isPublic && reply.statusCode < FIRST_ERROR;
    const own = reply.getHeader('cache-control');
    void reply.header('cache-control', isShared ? (own ?? 'no-cache') : privatePolicy(reply, own));
    if (!isPublic) addVary(reply, ...CREDENTIALS);
    done(null, payload);
  });
}

/** Adds names of request headers to `Vary`. */
export function addVary(reply: FastifyReply, ...names: string[]): void {
  const present = [reply.getHeader('vary') ?? []].flat().map(String);
  void reply.header('vary', [...present, ...names].join(', '));
}

/** Reports on health are the same for all callers too, but are never to be stored. */
function isSameForAll(request: FastifyRequest, areDocsPublic: boolean): boolean {
  const { access } = request.routeOptions.config;
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead || access === undefined || !('group' in access)) return false;
  return access.group === 'always' || (access.group === 'docs' && areDocsPublic);
}

function privatePolicy(reply: FastifyReply, own: unknown): string {
  if (typeof own === 'string' && own.startsWith('no-store')) return own;
  return reply.hasHeader('etag') ? 'private, no-cache' : 'no-store';
}
