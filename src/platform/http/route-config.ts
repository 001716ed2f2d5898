import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyContextConfig } from 'fastify';

/** The collected options of each method of a controller. */
const configs = new WeakMap<object, FastifyContextConfig>();

/** Merges options into the route's config, where `@RouteConfig()` would replace it. */
export function AddRouteConfig(config: FastifyContextConfig): MethodDecorator {
  return (target, name, descriptor) => {
    const method: unknown = descriptor.value;
    if (typeof method !== 'function') throw new Error(`${String(name)} is no method`);
    const all = { ...configs.get(method), ...config };
    configs.set(method, all);
    RouteConfig(all)(target, name, descriptor);
  };
}
