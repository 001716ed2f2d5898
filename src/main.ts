import './platform/require-node.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApplication } from './application.js';
import { describeReach } from './config/listen-address.js';
import { loadSettings, SettingsError } from './config/load-settings.js';
import type { Settings } from './config/settings.js';
import { Availability } from './health/availability.js';
import { prepareDatabase } from './platform/database/migrate.js';
import { withStartRetry } from './platform/database/start-retry.js';
import { endProcess } from './platform/end-process.js';
import { armPausePoints } from './pause-points/pause-points.js';
import { startTracing } from './platform/telemetry/tracing.js';
import { ATTEMPT_TIMEOUT_MS } from './tasks/tasks.service.js';

/** Closing connections takes milliseconds; this is for a database that does not answer. */
const CLOSING_MS = 5_000;

/** A service that accepts requests. */
export interface RunningService {
  url: string;
  /** How long stopping may take at most, in milliseconds. */
  stopLimitMs: number;
  /** Reports not ready, waits until traffic has moved away, finishes requests in progress and disconnects. */
  stop(): Promise<void>;
}

/**
 * Length of the listen queue, the maximum that Linux allows by default. Beyond it a SYN is dropped and the client
 * retries after a second; accepting a burst and refusing it at once is better.
 */
const LISTEN_BACKLOG = 4_096;

/** @throws {SettingsError} naming every wrong setting */
export async function startService(): Promise<RunningService> {
  const settings = loadSettings(process.env);
  armPausePoints(settings.PAUSE_POINTS_URL);
  const stopTracing = await startTracing(settings);
  const app = await withStartRetry(async () => {
    await prepareDatabase(settings);
    return createApplication(settings);
  });
  await listen(app, settings);
  // Nest gives the loopback address for a server that listens on every address.
  const url = await app.getUrl();
  const logger = new Logger('main');
  if (settings.AUTH === 'none')
    logger.warn('Authentication is off (AUTH=none): every client that reaches the port has all scopes');
  logger.log(`The order service listens on ${url}, ${describeReach(settings.HOST)}`);
  return { url, stopLimitMs: stopLimitOf(settings), stop: () => stop(app, settings, stopTracing) };
}

async function stop(
  app: NestFastifyApplication,
  { SHUTDOWN_DELAY_MS }: Settings,
  stopTracing: () => Promise<void>,
): Promise<void> {
  app.get(Availability).withdraw();
  await sleep(SHUTDOWN_DELAY_MS);
  await app.close();
  // Last, since until then there is something to be traced.
  await stopTracing();
}

/** Tasks and recovery end at the same time, then the requests that came until then. */
function stopLimitOf({ SHUTDOWN_DELAY_MS, REQUEST_DEADLINE_MS }: Settings): number {
  return (
    SHUTDOWN_DELAY_MS + Math.max(REQUEST_DEADLINE_MS, ATTEMPT_TIMEOUT_MS) + REQUEST_DEADLINE_MS + CLOSING_MS
  );
}

async function listen(app: NestFastifyApplication, { PORT, HOST }: Settings): Promise<void> {
  try {
    await app.listen({ port: PORT, host: HOST, backlog: LISTEN_BACKLOG });
  } catch (error) {
    await app.close();
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    throw isTaken ? new SettingsError([`PORT: ${PORT} is in use already by another program`]) : error;
  }
}

async function main(): Promise<void> {
  let service: RunningService | undefined;
  let isInterrupted = false;
  const interrupt = (): void => {
    isInterrupted = true;
    // A start under way is given up; recovery and the tasks resume what it had begun.
    if (!service) return endProcess(0);
    limitStop(service.stopLimitMs);
    // Not by force: the last traces may still be on their way, and `limitStop` bounds the wait.
    service.stop().catch(fail);
  };
  // Before the start: the first process of a container would otherwise ignore a signal that comes during it.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, interrupt);
  service = await startService();
  if (isInterrupted) interrupt();
}

/** Ends the process by force if it is still there then. Recovery and the tasks resume what it was doing. */
function limitStop(milliseconds: number): void {
  setTimeout(() => {
    process.stderr.write(`The service could not be stopped within ${milliseconds} ms\n`);
    endProcess(1);
  }, milliseconds).unref();
}

function fail(error: unknown): void {
  const isExpected = error instanceof SettingsError || (error instanceof Error && 'code' in error);
  process.stderr.write(
    `${isExpected ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  endProcess(1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main().catch(fail);
