import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { imageOptions } from '../support/image-options.js';

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
  // Decisions keep the names of their day.
  ...readdirSync(join(PROJECT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md') && !path.startsWith('decisions'))
    .map((path) => join('docs', path)),
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

/** Places of the project that a document leads to: files, with the heading that is meant if there is one. */
function linksIn(document: string): { file: string; anchor: string | undefined }[] {
  const links = read(document).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g);
  return [...links].map(([, path = '', anchor]) => ({
    file: path === '' ? document : join(dirname(document), path),
    anchor,
  }));
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(document: string): string[] {
  const headings = read(document)
    .replaceAll(/^```[^]*?^```/gm, '')
    .matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe.each(DOCUMENTS)('%s', (document) => {
  it('names tests that there are', () => {
    const missing = testsIn(read(document)).filter((name) => !SPECS.some((path) => path.includes(name)));
    expect(missing).toEqual([]);
  });

  it('leads to files that there are', () => {
    const missing = linksIn(document).filter(({ file }) => !existsSync(join(PROJECT, file)));
    expect(missing).toEqual([]);
  });

  it('leads to headings that there are', () => {
    const missing = linksIn(document).filter(
      ({ file, anchor }) => anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).includes(anchor),
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
  expect(imageOptions()).toEqual(words.slice(1, -1));
});
