import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';

/** Interval of the readiness checks. */
const CHECK_INTERVAL_MS = 50;

/** A load balancer without retries: a request that one instance fails to answer has failed. */
export interface Proxy {
  url: string;
  /** The instances that currently get requests. */
  readyCount(): number;
  add(url: string): void;
  close(): Promise<void>;
}

interface Instance {
  url: string;
  agent: Agent;
  isReady: boolean;
}

/** Starts a proxy that distributes requests round-robin among the instances whose `/health/ready` returns 200. */
export async function startProxy(): Promise<Proxy> {
  let instances: Instance[] = [];
  let turn = 0;
  const server = createServer((incoming, outgoing) => {
    const ready = instances.filter((instance) => instance.isReady);
    turn += 1;
    const instance = ready[turn % ready.length];
    if (instance) forward(instance, incoming, outgoing);
    else outgoing.writeHead(502).end('no instance is ready');
  });
  const check = setInterval(() => {
    for (const instance of instances) {
      void fetch(`${instance.url}/health/ready`).then(
        (answer) => (instance.isReady = answer.ok),
        // An unreachable instance has ended; its replacement has another address.
        () => (instances = instances.filter((other) => other !== instance)),
      );
    }
  }, CHECK_INTERVAL_MS);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    readyCount: () => instances.filter((instance) => instance.isReady).length,
    add: (url) => instances.push({ url, agent: new Agent({ keepAlive: true }), isReady: false }),
    close: async () => {
      clearInterval(check);
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      for (const { agent } of instances) agent.destroy();
    },
  };
}

function forward({ url, agent }: Instance, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, headers } = incoming;
  const call = request(`${url}${incoming.url}`, { agent, method, headers }, (answer) => {
    const { connection: _hopByHop, ...rest } = answer.headers;
    outgoing.writeHead(answer.statusCode ?? 502, rest);
    answer.pipe(outgoing);
    answer.once('aborted', () => outgoing.destroy());
  });
  call.once('error', (error) => outgoing.writeHead(502).end(String(error)));
  incoming.pipe(call);
}
