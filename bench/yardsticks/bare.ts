import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/support/free-port.ts';
import { type Measured, percentilesOf } from '../load/clients.ts';
import { Connection, requestBytes } from '../load/connection.ts';
import { end, startNode, untilAnswers } from '../support/processes.ts';
import type { Scene } from '../support/scene.ts';

/** Starts the least that a service can do; it ends with the scene. */
export function startBareRoute(scene: Scene, databaseUrl: string): Promise<URL> {
  return startProgram(scene, 'bare-route.ts', { DATABASE_URL: databaseUrl });
}

/** Starts what places orders without any care; it ends with the scene. */
export function startBarePlacement(scene: Scene, databaseUrl: string): Promise<URL> {
  const environment = { DATABASE_URL: databaseUrl, STAND_INS_URL: scene.standInsUrl.origin };
  return startProgram(scene, 'bare-placement.ts', environment);
}

async function startProgram(scene: Scene, file: string, environment: Record<string, string>): Promise<URL> {
  const port = await freePort();
  const program = fileURLToPath(new URL(`./${file}`, import.meta.url));
  const child = startNode([program, String(port)], environment);
  scene.onClose(() => end(child));
  const url = new URL(`http://127.0.0.1:${port}`);
  await untilAnswers(`${url.origin}/health`, child);
  return url;
}

/**
 * The time that an order of two lines can't take less than, since it has to ask others: both products at once, then the
 * reservation.
 */
export async function measureUpstreams(url: URL, seconds: number): Promise<Measured> {
  const connections = await Promise.all([Connection.open(url), Connection.open(url)]);
  const lookUps = ['P1', 'P2'].map((product) => requestBytes('GET', `/inventory/${product}`));
  const reservation = requestBytes('POST', '/reservations', {
    reservation_id: '01999999-9999-7999-8999-999999999999',
    items: ['P1', 'P2'].map((product) => ({ product_id: product, quantity: 1 })),
  });
  const times: number[] = [];
  const startedAt = performance.now();
  while (performance.now() - startedAt < seconds * 1_000) {
    const sentAt = performance.now();
    await Promise.all(connections.map((connection, at) => connection.send(lookUps[at] ?? '')));
    await connections[0].send(reservation);
    times.push(performance.now() - sentAt);
  }
  const took = (performance.now() - startedAt) / 1_000;
  for (const connection of connections) connection.close();
  return {
    requests: times.length,
    perSecond: times.length / took,
    refusedPerSecond: 0,
    ...percentilesOf(times),
  };
}
