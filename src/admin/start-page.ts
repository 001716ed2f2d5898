import type { FastifyInstance, RouteShorthandOptions } from 'fastify';
import type { Settings } from '../config/settings.js';
import type { RouteAccess } from '../platform/http/caller.js';

const ROUTE: RouteShorthandOptions = { config: { access: { group: 'always' } satisfies RouteAccess } };

/** What a Host header may hold in the page; it comes from the client. */
const HOST = /^[\w.:[\]-]+$/;

const ORDER =
  '{"customer_name":"Alice Johnson","customer_email":"alice@example.com",' +
  '"items":[{"product_id":"PROD001","quantity":1,"price":79.99}]}';

/** Serves a page at the root that leads to the console and the documentation, for developers: not in production. */
export function serveStartPage(server: FastifyInstance, settings: Settings): void {
  if (settings.NODE_ENV === 'production') return;
  server.get('/', ROUTE, (request, reply) => {
    // A trusted proxy may pass on any scheme that its client sent.
    const scheme = request.protocol === 'https' ? 'https' : 'http';
    const url = `${scheme}://${HOST.test(request.host) ? request.host : 'localhost'}`;
    return reply.type('text/html; charset=utf-8').send(pageOf(url, settings));
  });
}

function pageOf(url: string, { ADMIN_CONSOLE }: Settings): string {
  const console = ADMIN_CONSOLE ? '<li><a href="/admin">Admin console</a></li>' : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Order service</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
pre { overflow-x: auto; background: #f3f3f3; color: #222; padding: 1rem }</style>
</head>
<body>
<h1>Order service</h1>
<ul>${console}<li><a href="/docs">API documentation, to try out</a></li></ul>
<p>Place an order, list all orders, and check the health of the service:</p>
<pre tabindex="0">curl -X POST ${url}/orders -H 'Content-Type: application/json' -d '${ORDER}'
curl ${url}/orders
curl ${url}/health/ready</pre>
</body>
</html>
`;
}
