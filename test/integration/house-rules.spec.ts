import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import {
  abruptExits,
  type Code,
  COMMANDS,
  crowdedFolders,
  ENVIRONMENT_READERS,
  environmentReaders,
  greedyConstructors,
  KEPT_WORDS,
  lateNodeChecks,
  longFile,
  longFunctions,
  MAX_CONSTRUCTOR_PARAMETERS,
  MAX_FILES_IN_FOLDER,
  MAX_LINES_OF_FILE,
  MAX_LINES_OF_FUNCTION,
  paraphrases,
  paraphrasesIn,
  parse,
  prefixedInterfaces,
  readTree,
  type Rule,
  unexplainedEscapes,
  unfinished,
  violations,
  wrongName,
} from '../support/house-rules.js';
import { circlesOfFiles, circlesOfFolders, domainNames, forbiddenImports } from '../support/import-rules.js';
import { importsOfSandbox, unstrippableSyntax } from '../support/plain-typescript.js';

const source = readTree('src');
const sandbox = readTree('sandbox');
const everything = [...source, ...sandbox, ...readTree('test', 'migrations', 'bench', 'console')];

/** Folders whose comments and texts use standard terms. Migrations are never edited. */
const WORDED = ['src', 'sandbox', 'bench', 'console', 'test'];

/** The documents, and the other texts for operators in `docs`. */
function readDocuments(): { path: string; text: string }[] {
  const project = fileURLToPath(new URL('../../', import.meta.url));
  const inDocs = readdirSync(join(project, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(md|yml|json)$/.test(name))
    .map((name) => join('docs', name));
  return ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'console/README.md', ...inDocs].map((path) => ({
    path,
    text: readFileSync(join(project, path), 'utf8'),
  }));
}

/** Each rule, its files, a sample that violates it, and one that does not. */
const RULES: [string, Rule, Code[], bad: Code, good: Code][] = [
  [
    `no file has more than ${MAX_LINES_OF_FILE} lines`,
    longFile,
    everything,
    parse('src/a.ts', 'x;\n'.repeat(MAX_LINES_OF_FILE + 1)),
    parse('src/a.ts', 'x;\n'.repeat(MAX_LINES_OF_FILE)),
  ],
  [
    `no function has more than ${MAX_LINES_OF_FUNCTION} lines`,
    longFunctions,
    // The function of a test lists its cases.
    everything.filter(({ path }) => !path.endsWith('.spec.ts')),
    parse('src/a.ts', `const a = () => {\n${'x;\n'.repeat(MAX_LINES_OF_FUNCTION - 1)}};`),
    parse('src/a.ts', `const a = () => {\n${'x;\n'.repeat(MAX_LINES_OF_FUNCTION - 2)}};`),
  ],
  [
    `no constructor has more than ${MAX_CONSTRUCTOR_PARAMETERS} parameters`,
    greedyConstructors,
    everything,
    parse('src/a.ts', 'class A { constructor(a, b, c, d, e, private f: F, g) {} }'),
    parse('src/a.ts', 'class A { constructor(a, b, c, d, e, private f: F) {} }'),
  ],
  [
    'names are in kebab-case and say what a class is for',
    wrongName,
    everything,
    parse('src/orders/orderLine.ts', '@Entity() class OrderLine {}'),
    parse('src/orders/order-line.entity.ts', '@Entity() export class OrderLine {}'),
  ],
  [
    'there are no barrel files',
    wrongName,
    everything,
    parse('src/orders/index.ts', ''),
    parse('src/b.ts', ''),
  ],
  [
    'no type has the prefix I',
    prefixedInterfaces,
    everything,
    parse('src/a.ts', 'export interface IOrder { id: string }'),
    parse('src/a.ts', 'interface Inventory {} type Id = string; interface IO {}'),
  ],
  [
    'only src/config reads the environment',
    environmentReaders,
    [...source, ...sandbox],
    parse('src/orders/a.ts', "const url = process.env['DATABASE_URL'];"),
    parse('src/main.ts', 'const settings = loadSettings(process.env);'),
  ],
  [
    'a process ends by endProcess',
    abruptExits,
    [...source, ...sandbox],
    parse('src/a.ts', 'process.exit(1);'),
    parse('src/a.ts', 'process.exitCode = 1;'),
  ],
  [
    'commands check the version of Node.js first',
    lateNodeChecks,
    [...source, ...sandbox],
    parse('src/main.ts', "import 'pg';\nimport './platform/require-node.js';"),
    parse('src/main.ts', "import './platform/require-node.js';\nimport 'pg';"),
  ],
  [
    'imports keep to their direction',
    forbiddenImports,
    source,
    parse('src/orders/a.ts', "import { x } from '../inventory/x.adapter.js';"),
    parse(
      'src/inventory/a.ts',
      "import { x } from '../orders/order.ports.js'; import './b.js'; import 'pg';",
    ),
  ],
  [
    'the platform has no name of the domain',
    domainNames,
    source,
    parse('src/platform/a.ts', 'function noteOrder(orderId) {}'),
    parse('src/platform/a.ts', "// In the order of their ids.\nconst ordered = byBorder('order-service');"),
  ],
  [
    'the sandbox imports only what Node runs as it is',
    importsOfSandbox,
    sandbox,
    parse('sandbox/a.ts', "import { Settings } from '../src/config/settings.js';"),
    parse('sandbox/a.ts', "import type { Settings } from '../src/config/settings.js'; import './b.ts';"),
  ],
  [
    'what Node runs as it is has only types that Node can strip',
    unstrippableSyntax,
    readTree('sandbox', 'migrations', 'bench'),
    parse('sandbox/a.ts', 'class A { constructor(readonly a = 1) {} }'),
    parse('sandbox/a.ts', 'class A { readonly a: number; constructor(a = 1) { this.a = a; } }'),
  ],
  [
    'suppressed lint rules have a reason',
    unexplainedEscapes,
    everything,
    // Samples; no rule is suppressed here.
    parse('src/a.ts', 'f();\n// oxlint-disable-next-line typescript/no-explicit-any\nlet a: any;'),
    parse('src/a.ts', '// oxlint-disable-next-line no-control-regex -- these are looked for\nlet a: any;'),
  ],
  [
    'comments have no marks of unfinished work',
    unfinished,
    everything,
    // Samples: a mark in a comment violates the rule, the same word in a string does not.
    parse('src/a.ts', 'class A {\n  a = 1; // TODO: later\n}'),
    parse('src/a.ts', "const todo = 'TODO';"),
  ],
  [
    'comments and texts use standard terms',
    paraphrases,
    everything.filter(({ path }) => WORDED.includes(path.split('/')[0] ?? '')),
    parse('src/a.ts', '// Whoever holds the lease.\nlet a: string;'),
    parse('src/a.ts', '// The holder of the lease.\nconst nobody = `${meanwhile} ago`;'),
  ],
];

/** A file of one folder that imports others of it. */
function file(name: string, ...targets: string[]): Code {
  return parse(
    `src/a/${name}.ts`,
    targets.map((target) => `import type { X } from './${target}.js';`).join(''),
  );
}

describe('the rules of the house', () => {
  it.each(RULES)('%s', (_name, rule, files, bad, good) => {
    expect(violations(rule, [bad])).not.toEqual([]);
    expect(violations(rule, [good])).toEqual([]);
    expect(violations(rule, files)).toEqual([]);
  });

  it(`no folder holds more than ${MAX_FILES_IN_FOLDER} files`, () => {
    const full = Array.from({ length: MAX_FILES_IN_FOLDER }, (_, n) => parse(`src/orders/file-${n}.ts`, ''));
    expect(crowdedFolders([...full, parse('src/orders/a.ts', '')])).toHaveLength(1);
    expect(
      crowdedFolders([...full, parse('src/orders/a.spec.ts', ''), parse('src/orders/dto/a.ts', '')]),
    ).toEqual([]);
    expect(crowdedFolders([...source, ...sandbox, ...readTree('console')])).toEqual([]);
  });

  it('no files import each other in a circle, types included', () => {
    expect(circlesOfFiles([file('x', 'y'), file('y', 'z'), file('z', 'y'), file('w', 'x')])).toEqual([
      'src/a/y.ts',
      'src/a/z.ts',
    ]);
    expect(circlesOfFiles([file('x', 'y', 'z'), file('y', 'z'), file('z')])).toEqual([]);
    expect(circlesOfFiles(source)).toEqual([]);
  });

  it('no folders beside each other import each other in a circle', () => {
    const [a, b] = ["import '../b/y.js';", "import '../a/z.js';"];
    const circle = [parse('src/p/a/x.ts', a), parse('src/p/b/y.ts', ''), parse('src/p/b/v.ts', b)];
    expect(circlesOfFolders([...circle, parse('src/p/a/z.ts', '')])).toEqual(['src/p/a', 'src/p/b']);
    expect(circlesOfFolders([...circle.slice(0, 2), parse('src/p/a/z.ts', '')])).toEqual([]);
    expect(circlesOfFolders(source)).toEqual([]);
  });

  it.each([
    ['src/platform/a.ts', "import '../orders/order.ports.js';"],
    ['src/idempotency/a.ts', "import '../orders/order.entity.js';"],
    ['src/idempotency/a.ts', "import '../tasks/tasks.service.js';"],
    ['src/orders/a.ts', "import '../notifications/http-notifications.js';"],
    ['src/orders/a.ts', "export { x } from '../carts/x.js';"],
    ['src/carts/a.ts', "import '../inventory/x.js';"],
    ['src/inventory/a.ts', "const x = await import('../../sandbox/sandbox.js');"],
    ['src/main.ts', "import '../sandbox/sandbox.js';"],
    ['src/application.ts', "import './orders/orders.module.js';"],
    ['src/health/a.ts', "import '../orders/orders.module.js';"],
    ['src/auth/a.ts', "import '../orders/order.entity.js';"],
    ['src/orders/a.ts', "import '../../test/support/builders.js';"],
    ['src/leftovers/a.ts', ''],
  ])('%s must not hold %s', (path, text) => {
    expect(forbiddenImports(parse(path, text))).toHaveLength(1);
  });

  it.each([
    ['a comment of two lines', '/**\n * Retried in\n * vain.\n */\nlet a;', 'in vain'],
    ['two line comments', '// The customer is\n// told.\nlet a;', 'is told'],
    ['a string', "const a = 'Nobody has it';", 'nobody'],
    ['the head of a template', 'const a = `Of which ${b}`;', 'of which'],
    ['the tail of a template', 'const a = `${b} comes to nothing`;', 'comes to nothing'],
    ['a text of the console', 'const a = <p>Hardly any orders</p>;', 'hardly'],
  ])('finds a paraphrase in %s', (_place, text, words) => {
    expect(paraphrases(parse('src/a.tsx', text))).toEqual([words]);
  });

  it('documents use standard terms', () => {
    expect(paraphrasesIn('docs/a.md', 'The rows are\n  to be deleted.')).toEqual(['are to be']);
    const documents = readDocuments();
    expect(documents.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['README.md', 'docs/operations.md', 'docs/guides/orders.md', 'docs/alerts.yml']),
    );
    expect(
      documents.flatMap(({ path, text }) => paraphrasesIn(path, text).map((words) => `${path}: ${words}`)),
    ).toEqual([]);
  });

  it('checks the whole tree', () => {
    const paths = source.map(({ path }) => path);
    const allPaths = everything.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['src/main.ts', 'src/orders/orders.service.ts']));
    // A stale exception would apply to a new file of the same name.
    for (const path of Object.keys({ ...ENVIRONMENT_READERS, ...KEPT_WORDS }))
      expect(allPaths).toContain(path);
    expect(allPaths).toEqual(expect.arrayContaining([...COMMANDS]));
  });
});
