import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { loadSettings } from './config/load-settings.js';
import { withStartRetry } from './platform/database/start-retry.js';

const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

/** The option `--since` of the report commands. @throws {Error} when it is no time */
export function readSince(since: string): string {
  if (TIME.test(since) && !Number.isNaN(Date.parse(since))) return since;
  throw new Error(
    `--since must be a day or a time with its zone, as in 2026-01-31T12:00:00Z, not "${since}"`,
  );
}

/**
 * Runs a report of the operations in an application without the background work of the service.
 *
 * @param report a class that the module provides
 */
export async function withReport<Report, Result>(
  report: new (...dependencies: never[]) => Report,
  use: (report: Report) => Promise<Result>,
): Promise<Result> {
  const settings = loadSettings(process.env, 'command');
  // Errors go to standard error; standard output is the report and nothing else.
  const app = await withStartRetry(() =>
    NestFactory.createApplicationContext(AppModule.forReports(settings), {
      // The framework would log a refused start with its stack, besides the sentence that says what is wrong.
      logger: false,
      abortOnError: false,
    }),
  );
  app.useLogger(['error']);
  try {
    return await use(app.get<Report>(report, { strict: false }));
  } finally {
    await app.close();
  }
}
