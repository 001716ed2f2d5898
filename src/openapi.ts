import './platform/require-node.js';
import { writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { OpenAPIObject } from '@nestjs/swagger';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { loadSettings } from './config/load-settings.js';
import { endProcess } from './platform/end-process.js';
import { buildOpenApiDocument } from './openapi-document.js';

const FILE = new URL('../docs/openapi.json', import.meta.url);

const HELP = `Usage: npm run openapi

Writes docs/openapi.json from the controllers. Needs no database and no other service.
`;

/** The OpenAPI document, made without starting anything. */
export async function createOpenApiDocument(): Promise<OpenAPIObject> {
  const settings = loadSettings({ DATABASE_URL: 'postgres://none@localhost/none', LOG_LEVEL: 'silent' });
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.with(settings),
    new FastifyAdapter(),
    {
      // Nothing is instantiated: the document is made from what the classes say of themselves.
      preview: true,
      logger: false,
    },
  );
  return buildOpenApiDocument(app);
}

/** The document as it is kept in docs/openapi.json. */
export async function renderOpenApiDocument(): Promise<string> {
  return `${JSON.stringify(await createOpenApiDocument(), null, 2)}\n`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  await writeFile(FILE, await renderOpenApiDocument());
  process.stdout.write('docs/openapi.json is written.\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    endProcess(1);
  });
}
