import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { renderOpenApiDocument } from '../../src/openapi.js';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** A generator takes a second or two, the compiler about five; a busy machine needs several times that. */
const TIMEOUT_MS = 180_000;

const COMPILER_OPTIONS = {
  strict: true,
  target: 'es2022',
  module: 'nodenext',
  lib: ['es2023', 'dom', 'dom.iterable'],
  types: [],
  noEmit: true,
  // The declarations of the generators' runtime libraries are not under test.
  skipLibCheck: true,
};

/**
 * Each generator: its command line, with the file or folder that it writes, and the generated type of an order's body.
 */
const GENERATORS: [name: string, command: string[], bodyType: string][] = [
  [
    'openapi-typescript',
    ['openapi-typescript', 'openapi.json', '--output', 'client.ts'],
    `import('./client.ts').components['schemas']['PlaceOrderDto']`,
  ],
  [
    '@hey-api/openapi-ts',
    ['openapi-ts', '--input', 'openapi.json', '--output', 'client'],
    `import('./client/types.gen.js').PlaceOrderData['body']`,
  ],
  [
    'orval',
    ['orval', '--input', 'openapi.json', '--output', 'client.ts'],
    `import('./client.ts').PlaceOrderDto`,
  ],
  [
    'swagger-typescript-api',
    ['swagger-typescript-api', 'generate', '--path', 'openapi.json', '--output', '.', '--name', 'client.ts'],
    `import('./client.ts').PlaceOrderDto`,
  ],
  [
    'openapi-zod-client',
    ['openapi-zod-client', 'openapi.json', '--output', 'client.ts', '--export-schemas'],
    `import('zod').infer<typeof import('./client.ts').schemas.PlaceOrderDto>`,
  ],
];

/** A program that must compile with the generated types, except for its last line. */
function programFor(bodyType: string, quantity: string): string {
  return `type Body = ${bodyType};
export const order: Body = {
  customer_name: 'Alice Johnson',
  customer_email: 'alice@example.com',
  items: [{ product_id: 'PROD001', quantity: ${quantity} }],
};
`;
}

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'client-generators-'));
  await symlink(join(PROJECT, 'node_modules'), join(root, 'node_modules'));
});
afterAll(() => rm(root, { recursive: true }));

/** Generates a client in a temporary folder. */
async function generate(
  name: string,
  [program = '', ...options]: string[],
  document: string,
): Promise<string> {
  const folder = join(root, name.replaceAll(/\W/g, '-'));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'openapi.json'), document);
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const path = join(PROJECT, 'node_modules', '.bin', program);
  await promisify(execFile)(process.execPath, [path, ...options], { cwd: folder, timeout: TIMEOUT_MS });
  return folder;
}

/** Compiles everything in a folder. @returns the compiler errors, empty without errors */
async function compile(folder: string): Promise<string> {
  const compilerOptions = { ...COMPILER_OPTIONS, allowImportingTsExtensions: true };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['**/*.ts'] }));
  const compiler = join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc');
  return promisify(execFile)(process.execPath, [compiler, '-p', '.'], {
    cwd: folder,
    timeout: TIMEOUT_MS,
  }).then(
    () => '',
    ({ stdout, message }: { stdout?: string; message: string }) => stdout || message,
  );
}

describe('client generated from the OpenAPI document', () => {
  it.each(GENERATORS)(
    'by %s compiles and types the body of an order',
    async (name, command, bodyType) => {
      const folder = await generate(name, command, await renderOpenApiDocument());
      await writeFile(join(folder, 'program.ts'), programFor(bodyType, '1'));
      expect(await compile(folder)).toBe('');
      await writeFile(join(folder, 'program.ts'), programFor(bodyType, `'one'`));
      expect(await compile(folder)).toContain("Type 'string' is not assignable to type 'number'");
    },
    TIMEOUT_MS,
  );

  it(
    'does not compile when an enum of the document holds null',
    async () => {
      const document = JSON.parse(await renderOpenApiDocument()) as {
        components: { schemas: { OrderEventResponse: { properties: object } } };
      };
      Object.assign(document.components.schemas.OrderEventResponse.properties, {
        from: { type: ['string', 'null'], enum: ['pending', null] },
      });
      const [, command] = GENERATORS.at(-1) ?? ['', []];
      const folder = await generate('null in an enum', command, JSON.stringify(document));
      expect(await compile(folder)).toContain("Type 'null' is not assignable to type 'string'");
    },
    TIMEOUT_MS,
  );
});

/** A program of a receiver that must compile, except for an event type that does not exist. */
function receiverFor(eventType: string): string {
  return `import type { webhooks } from './client.ts';
type Event = webhooks['order.confirmed']['post']['requestBody']['content']['application/json'];
export const isConfirmed = ({ type, feed_no, previous_feed_no }: Event): boolean =>
  type === '${eventType}' && feed_no > (previous_feed_no ?? 0);
`;
}

describe('type of a webhook generated from the OpenAPI document', () => {
  it(
    'has the type of its event',
    async () => {
      const [[, command]] = GENERATORS as [(typeof GENERATORS)[0]];
      const folder = await generate('webhooks', command, await renderOpenApiDocument());
      await writeFile(join(folder, 'program.ts'), receiverFor('order.confirmed'));
      expect(await compile(folder)).toBe('');
      await writeFile(join(folder, 'program.ts'), receiverFor('order.shipped'));
      expect(await compile(folder)).toContain('This comparison appears to be unintentional');
    },
    TIMEOUT_MS,
  );
});

describe('OpenAPI document', () => {
  it('lists every status explicitly, because some generators reject ranges', async () => {
    const { paths } = JSON.parse(await renderOpenApiDocument()) as {
      paths: Record<string, Record<string, { responses: object }>>;
    };
    const statuses = Object.values(paths).flatMap((item) =>
      Object.values(item).flatMap(({ responses }) => Object.keys(responses)),
    );
    expect(statuses.length).toBeGreaterThan(100);
    expect(statuses.filter((status) => !/^[1-5]\d\d$/.test(status))).toEqual([]);
  });
});
