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
  // Decisions keep the names that the tests had when they were written.
  ...readdirSync(join(PROJECT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md') && !path.startsWith('decisions'))
    .map((path) => join('docs', path)),
];

const DECISION_INDEX = 'docs/decisions/README.md';

const DECISIONS = readdirSync(join(PROJECT, 'docs/decisions')).filter((name) => /^\d{4}-.*\.md$/.test(name));

/** Folders with code of their own. */
const FOLDERS = ['sandbox', 'migrations', 'console', 'bench', 'test'].concat(
  readdirSync(join(PROJECT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `src/${name}`),
);

/** Lines of TypeScript in a folder, without specs. */
function linesIn(folder: string): number {
  return readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !/\.(spec|d)\.tsx?$/.test(name))
    .reduce((sum, name) => sum + read(join(folder, name)).split('\n').length - 1, 0);
}

function read(document: string): string {
  return readFileSync(join(PROJECT, document), 'utf8');
}

/** Names of tests in a document: in commands, and in the last column of tables that name the test of each row. */
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

/** Links of a document within the project: files, with the heading if there is one. */
function linksIn(document: string): { file: string; anchor: string | undefined }[] {
  const links = read(document).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g);
  return [...links].map(([, path = '', anchor]) => ({
    file: path === '' ? document : join(dirname(document), path),
    anchor,
  }));
}

/** The anchors of a document's headings, as GitHub generates them. */
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

describe.each(DOCUMENTS)('document %s', (document) => {
  it('names existing tests only', () => {
    const missing = testsIn(read(document)).filter((name) => !SPECS.some((path) => path.includes(name)));
    expect(missing).toEqual([]);
  });
});

describe.each([...DOCUMENTS, DECISION_INDEX, ...DECISIONS.map((name) => join('docs/decisions', name))])(
  'document %s',
  (document) => {
    it('links to existing files only', () => {
      const missing = linksIn(document).filter(({ file }) => !existsSync(join(PROJECT, file)));
      expect(missing).toEqual([]);
    });

    it('links to existing headings only', () => {
      const missing = linksIn(document).filter(
        ({ file, anchor }) =>
          anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).includes(anchor),
      );
      expect(missing).toEqual([]);
    });
  },
);

describe('decisions', () => {
  const pages = DECISIONS.map((name) => {
    const text = read(join('docs/decisions', name));
    const [, title = ''] = /^# (.+)$/m.exec(text) ?? [];
    const [, status = ''] = /^Status: (accepted|superseded by \d{4})\b/m.exec(text) ?? [];
    return { name, number: name.slice(0, 4), title, status };
  });

  it('are in the index with their titles and statuses', () => {
    const lines = read(DECISION_INDEX).match(/^- .+$/gm) ?? [];
    const expected = pages.map(({ name, title, status }) => `- [${title}](${name}): ${status}`);
    expect(lines.toSorted()).toEqual(expected.toSorted());
  });

  it('have the number of their file, used once, and a status that names an existing page', () => {
    const numbers = pages.map(({ number }) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
    const wrong = pages.filter(({ number, title, status }) => {
      const successor = /\d{4}/.exec(status)?.[0];
      return !title.startsWith(`${number}: `) || status === '' || (successor && !numbers.includes(successor));
    });
    expect(wrong).toEqual([]);
  });
});

it('names of tests are found in commands and in tables', () => {
  const table = '| what | shown by |\n| --- | --- |\n| a line | `ownership`, `fuzz` |';
  expect(testsIn(`Run \`npm test -- abuse logs\`.\n\n${table}`)).toEqual([
    'abuse',
    'logs',
    'ownership',
    'fuzz',
  ]);
});

it('the guide to webhooks quotes the receivers as they are', () => {
  const guide = read('docs/guides/webhooks.md');
  const quotes = [...guide.matchAll(/^```(ts|py)\n([^]*?)^```/gm)];
  expect(quotes.length).toBeGreaterThan(1);
  for (const [, language = '', code = ''] of quotes) {
    expect(read(`examples/webhook-receivers/receiver.${language}`)).toContain(code);
  }
});

describe('the architecture', () => {
  const text = read('docs/architecture.md');

  it('names existing files', () => {
    const named = [...text.matchAll(/`([a-z-]+(?:\/[a-z.-]+)+\.ts)`/g)].map(([, path = '']) => path);
    expect(named.length).toBeGreaterThan(20);
    const roots = ['', 'src', 'src/orders'];
    expect(named.filter((path) => !roots.some((root) => existsSync(join(PROJECT, root, path))))).toEqual([]);
  });

  it('states the sizes of the folders to a tenth', () => {
    const rows = [...text.matchAll(/^\| `([a-z/-]+)` +\| +([\d,]+) \|/gm)].map(
      ([, folder = '', lines = '']) => {
        const stated = Number(lines.replaceAll(',', ''));
        return { folder, stated, actual: linesIn(folder) };
      },
    );
    expect(rows.map(({ folder }) => folder)).toEqual(expect.arrayContaining(FOLDERS));
    // A table that every change had to touch would be in the way.
    const stale = rows.filter(({ stated, actual }) => Math.abs(stated - actual) > Math.max(100, actual / 10));
    expect(stale).toEqual([]);
  });
});

it('the image for production is the last stage of the Dockerfile, without the sandbox', () => {
  const stages = read('Dockerfile').split(/^FROM \S+ AS /m);
  expect(stages.at(-1)).toMatch(/^production\n/);
  expect(stages.at(-1)).not.toContain('sandbox');
  const targets = [...read('docker-compose.yml').matchAll(/target: (\w+)/g)].map(([, target]) => target);
  expect(targets).toEqual(['production', 'sandbox']);
});

it('image, npm and benchmarks start the service with the same Node options', () => {
  const [, command = ''] = /^CMD (\[.*\])$/m.exec(read('Dockerfile')) ?? [];
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const words = JSON.parse(command) as string[];
  expect(words.join(' ')).toBe(scripts['start:prod']);
  expect(imageOptions()).toEqual(words.slice(1, -1));
});
