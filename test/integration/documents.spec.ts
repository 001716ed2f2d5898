import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

const SPECS = ['src', 'test'].flatMap((folder) =>
  readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.spec.ts'))
    .map((path) => join(folder, path)),
);

const DOCUMENTS = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'docs/operations.md',
  'docs/performance.md',
  'docs/reservations.md',
  'docs/timeouts.md',
  'docs/reference/limits.md',
];

function read(document: string): string {
  return readFileSync(join(PROJECT, document), 'utf8');
}

/** The tests that a document names: in commands, and in the last column of tables that say what shows a line. */
function testsIn(text: string): string[] {
  const commands = [...text.matchAll(/npm test -- ([a-z][a-z -]*[a-z])/g)].flatMap(
    (match) => match[1]?.split(' ') ?? [],
  );
  const tables = text.split(/\n\n+/).filter((block) => /^\|.*\| (shown by|test) +\|$/m.test(block));
  const cells = tables.flatMap((table) => table.split('\n').map((row) => row.split('|').at(-2) ?? ''));
  return [
    ...commands,
    ...cells.flatMap((cell) => [...cell.matchAll(/`([a-z][a-z-]*)`/g)].map(([, name]) => name ?? '')),
  ];
}

/** Other files of the project that a document leads to, without the places within them. */
function linksIn(text: string): string[] {
  return [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => path ?? '');
}

describe.each(DOCUMENTS)('%s', (document) => {
  it('names tests that there are', () => {
    const missing = testsIn(read(document)).filter((name) => !SPECS.some((path) => path.includes(name)));
    expect(missing).toEqual([]);
  });

  it('leads to files that there are', () => {
    const missing = linksIn(read(document)).filter(
      (path) => !existsSync(join(PROJECT, dirname(document), path)),
    );
    expect(missing).toEqual([]);
  });
});

it('finds tests in commands and in tables', () => {
  const table = '| what | shown by |\n| --- | --- |\n| a line | `ownership`, `fuzz` |';
  expect(testsIn(`Run \`npm test -- abuse logs\`.\n\n${table}`)).toEqual([
    'abuse',
    'logs',
    'ownership',
    'fuzz',
  ]);
});

it('the image, npm and the benchmarks start the service with the same options', () => {
  const [, command = ''] = /^CMD (\[.*\])$/m.exec(read('Dockerfile')) ?? [];
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const words = JSON.parse(command) as string[];
  expect(words.join(' ')).toBe(scripts['start:prod']);
  const options = words.slice(1, -1).map((option) => `'${option}'`);
  expect(read('bench/support/scene.ts')).toContain(`NODE_OPTIONS_OF_IMAGE = [${options.join(', ')}]`);
});
