import { describe, expect, it } from '@jest/globals';
import {
  abruptExits,
  type Code,
  COMMANDS,
  crowdedFolders,
  ENVIRONMENT_READERS,
  environmentReaders,
  forbiddenImports,
  greedyConstructors,
  lateNodeChecks,
  longFile,
  longFunctions,
  MAX_CONSTRUCTOR_PARAMETERS,
  MAX_FILES_IN_FOLDER,
  MAX_LINES_OF_FILE,
  MAX_LINES_OF_FUNCTION,
  parse,
  prefixedInterfaces,
  readTree,
  type Rule,
  unexplainedEscapes,
  unfinished,
  violations,
  wrongName,
} from '../support/house-rules.js';

const source = readTree('src');
const everything = [...source, ...readTree('test', 'migrations', 'bench', 'console')];

/** Each rule, the files that it holds for, a sample that it must object to, and one that it must not. */
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
    // A test's function is the list of its cases.
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
    source,
    parse('src/orders/a.ts', "const url = process.env['DATABASE_URL'];"),
    parse('src/main.ts', 'const settings = loadSettings(process.env);'),
  ],
  [
    'a process ends by endProcess',
    abruptExits,
    source,
    parse('src/a.ts', 'process.exit(1);'),
    parse('src/a.ts', 'process.exitCode = 1;'),
  ],
  [
    'commands check the version of Node.js first',
    lateNodeChecks,
    source,
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
    'what is suppressed is explained',
    unexplainedEscapes,
    everything,
    // Samples of what the rule finds and of what it lets pass; nothing is suppressed here.
    parse('src/a.ts', 'f();\n// oxlint-disable-next-line typescript/no-explicit-any\nlet a: any;'),
    parse('src/a.ts', '// oxlint-disable-next-line no-control-regex -- these are looked for\nlet a: any;'),
  ],
  [
    'nothing is left for later',
    unfinished,
    everything,
    // Samples again: a mark in a comment is found, the same word in a text is not.
    parse('src/a.ts', 'class A {\n  a = 1; // TODO: later\n}'),
    parse('src/a.ts', "const todo = 'TODO';"),
  ],
];

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
    expect(crowdedFolders([...source, ...readTree('console')])).toEqual([]);
  });

  it.each([
    ['src/platform/a.ts', "import '../orders/order.ports.js';"],
    ['src/orders/a.ts', "import '../notifications/http-notifications.js';"],
    ['src/orders/a.ts', "export { x } from '../carts/x.js';"],
    ['src/carts/a.ts', "import '../inventory/x.js';"],
    ['src/inventory/a.ts', "const x = await import('../sandbox/sandbox.js');"],
    ['src/sandbox/a.ts', "import '../orders/order.ports.js';"],
    ['src/main.ts', "import './sandbox/sandbox.js';"],
    ['src/application.ts', "import './orders/orders.module.js';"],
    ['src/health/a.ts', "import '../orders/orders.module.js';"],
    ['src/orders/a.ts', "import '../../test/support/builders.js';"],
    ['src/leftovers/a.ts', ''],
  ])('%s must not hold %s', (path, text) => {
    expect(forbiddenImports(parse(path, text))).toHaveLength(1);
  });

  it('looks at the whole tree', () => {
    const paths = source.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['src/main.ts', 'src/orders/orders.service.ts']));
    // An exception for a file that is not there any more would cover its successor.
    for (const path of Object.keys(ENVIRONMENT_READERS)) expect(paths).toContain(path);
    expect(paths).toEqual(expect.arrayContaining([...COMMANDS]));
  });
});
