import { afterAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMMANDS } from '../support/house-rules.js';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** Loading the program takes most of the time; a busy machine needs several times that. The limit only ends a hang. */
const END_MS = 20_000;

const root = mkdtempSync(join(tmpdir(), 'order-commands-'));

interface Ended {
  code: number | null;
  output: string;
}

async function run(
  program: string,
  args: string[],
  { cwd = root, ...environment }: Record<string, string> = {},
): Promise<Ended> {
  const child = spawn(program, args, {
    cwd,
    env: { PATH: process.env['PATH'], HOME: root, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
  await once(child, 'close');
  clearTimeout(timer);
  return { code: child.exitCode, output };
}

const built = (source: string): string =>
  join(PROJECT, source.startsWith('src/') ? source.replace('src/', 'dist/').replace('.ts', '.js') : source);

describe('command line', () => {
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it.each<[string, string[], number, string, Record<string, string>?]>([
    ['src/main', [], 1, 'DATABASE_URL: is needed'],
    ['src/platform/database/migrate', [], 1, 'DATABASE_URL: is needed'],
    ['src/api-key', [], 2, '--name and --scopes are needed'],
    ['src/drift', [], 2, 'DATABASE_URL: is needed'],
    ['src/drift', ['--since', 'ever'], 2, '--since must be a day'],
    ['src/reconcile', [], 2, 'DATABASE_URL: is needed'],
    ['src/reconcile', ['--apply'], 2, '--apply needs --since'],
    ['src/reconcile', ['--orders', 'no-such-file'], 2, '--orders no-such-file: '],
    ['src/openapi', ['--no-such-thing'], 1, '--no-such-thing'],
    ['sandbox/main', ['--service', 'none'], 2, '--service must be one of'],
    ['sandbox/first-run', ['--no-such-thing'], 2, '--no-such-thing'],
    ['sandbox/first-run', [], 1, 'DATABASE_URL: is needed', { NODE_ENV: 'production' }],
  ])(
    '%s %j exits with its reason when it can not start',
    async (name, args, code, reason, environment = {}) => {
      const ended = await run(process.execPath, [built(`${name}.ts`), ...args], environment);
      expect(ended).toEqual({ code, output: expect.stringContaining(reason) });
    },
  );

  it.each([...COMMANDS])('%s names the required Node.js version when run on an older one', async (source) => {
    const older =
      "Object.defineProperty(process.versions, 'node', { value: '20.19.0' }); delete Map.groupBy;";
    const ended = await run(process.execPath, ['--import', `data:text/javascript,${older}`, built(source)]);
    expect(ended.code).toBe(1);
    expect(ended.output).toMatch(/^This needs Node\.js 24 or newer, but runs on v.*npm ci --include=dev/);
    expect(ended.output.trim().split('\n')).toHaveLength(1);
  });
});

/** Options that install no dependency but these packages. */
function install(name: string, packages: string[]): string {
  const folder = join(root, name);
  for (const file of ['package.json', 'scripts']) {
    cpSync(join(PROJECT, file), join(folder, file), { recursive: true });
  }
  for (const installed of packages) mkdirSync(join(folder, 'node_modules', installed), { recursive: true });
  return folder;
}

describe('npm script', () => {
  it.each([
    ['start', 'without dependencies', [], 'The dependencies are not installed. Run `npm ci`.'],
    ['start', 'after npm ci with NODE_ENV=production', ['@nestjs/core'], 'Run `npm ci --include=dev`'],
    ['test', 'after npm ci with NODE_ENV=production', ['@nestjs/core'], 'Run `npm ci --include=dev`'],
    [
      'start:prod',
      'without a build',
      ['@nestjs/core'],
      'There is no build yet (dist/main.js). Run `npm run build`.',
    ],
    [
      'migrate',
      'without a build',
      ['@nestjs/core'],
      'There is no build yet (dist/main.js). Run `npm run build`.',
    ],
  ])('%s says what to do %s', async (script, situation, packages, advice) => {
    const cwd = install(`${script} ${situation}`, packages);
    const { code, output } = await run('npm', ['run', script], { cwd, NODE_ENV: 'production' });
    expect(code).toBe(1);
    expect(output).toContain(advice);
    expect(output).not.toMatch(/not found|Cannot find/);
  });
});
