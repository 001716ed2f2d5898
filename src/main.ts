import { pathToFileURL } from 'node:url';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApplication } from './application.js';
import { loadSettings, type Settings, SettingsError } from './config/settings.js';
import { prepareDatabase } from './platform/database/migrate.js';
import { armPausePoints } from './platform/pause-points.js';

/** A service that accepts requests. */
export interface RunningService {
  url: string;
  /** Answers what is under way, finishes running jobs, and closes all connections. */
  stop(): Promise<void>;
}

/** @throws {SettingsError} naming every wrong setting */
export async function startService(): Promise<RunningService> {
  const settings = loadSettings(process.env);
  armPausePoints(settings.PAUSE_POINTS_URL);
  await prepareDatabase(settings);
  const app = await createApplication(settings);
  await listen(app, settings);
  const url = await app.getUrl();
  new Logger('main').log(`The order service listens on ${url}`);
  return { url, stop: () => app.close() };
}

async function listen(app: NestFastifyApplication, { PORT, HOST }: Settings): Promise<void> {
  try {
    await app.listen(PORT, HOST);
  } catch (error) {
    await app.close();
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    throw isTaken ? new SettingsError([`PORT: ${PORT} is in use already by another program`]) : error;
  }
}

async function main(): Promise<void> {
  let service: RunningService | undefined;
  // Before the start: the first process of a container would otherwise ignore a signal that comes during it.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      if (!service) process.exit(0);
      service.stop().catch((error: unknown) => fail(error));
    });
  }
  service = await startService();
}

function fail(error: unknown): void {
  const isExpected = error instanceof SettingsError || (error instanceof Error && 'code' in error);
  process.stderr.write(
    `${isExpected ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exit(1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main().catch(fail);
