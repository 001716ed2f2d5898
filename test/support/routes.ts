import { subscribe } from 'node:diagnostics_channel';
import type { FastifyInstance, RouteOptions } from 'fastify';

const routes = new WeakMap<object, Set<string>>();

// Fastify publishes each server that it creates, including those of the stand-ins.
subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: FastifyInstance };
  const found = new Set<string>();
  routes.set(fastify, found);
  fastify.addHook('onRoute', ({ method, url }: RouteOptions) => {
    for (const one of [method].flat()) found.add(`${one} ${url}`);
  });
});

/** Every route of a server that was created after this file was loaded, such as `GET /orders/:id`. */
export function routesOf(server: object): string[] {
  return [...(routes.get(server) ?? [])];
}
