import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** A larger folder has more than one subject. Unit tests beside the code don't count. */
export const MAX_FILES_IN_FOLDER = 14;

/** A file that can be read in one sitting. */
export const MAX_LINES_OF_FILE = 300;

/** A function that fits on a screen. */
export const MAX_LINES_OF_FUNCTION = 60;

/** A class that needs more has more than one job. */
export const MAX_CONSTRUCTOR_PARAMETERS = 6;

/** Readers of the environment outside of `src/config`, with the reason. */
export const ENVIRONMENT_READERS: Record<string, string> = {
  'sandbox/first-run.ts': 'passes the URLs of the processes that it started to the service',
  'sandbox/postgres/embedded-postgres.ts': 'passes the environment on to another program',
};

/** `process.exit()` right after the start may hang: see end-process.ts. */
const EXITING_FILES = new Set([
  'src/platform/end-process.ts',
  'src/platform/require-node.ts',
  // Its end must not wait for a library.
  'sandbox/postgres/keeper.ts',
]);

/** Entry points of `node`. On an old Node.js their other imports would fail with an obscure error. */
export const COMMANDS = new Set([
  'src/main.ts',
  'src/api-key.ts',
  'src/drift.ts',
  'src/reconcile.ts',
  'src/openapi.ts',
  'src/platform/database/migrate.ts',
  'sandbox/first-run.ts',
  'sandbox/main.ts',
]);

/** Suffix of the file name by the decorator of its class. */
const SUFFIX_OF_DECORATOR: Record<string, string> = {
  Entity: '.entity.ts',
  Controller: '.controller.ts',
  Module: '.module.ts',
  Catch: '.filter.ts',
};
const SUFFIX_OF_CLASS: [RegExp, string][] = [
  [/Repository$/, '.repository.ts'],
  [/Adapter$/, '.adapter.ts'],
];

/**
 * Paraphrases of the field's terms. A noun, an active verb or a term of art (retry, lease, batch, notify) says the same
 * and can be found by a search.
 */
const PARAPHRASES =
  /\b(whoever|nobody|somebody|anybody|whatever|(is|are) told|(is|are) to be|of which|in vain|anew|c[ao]mes? to nothing|(comes?|came) of it|hardly|meanwhile)\b/gi;

/** Files that keep such words, why, and which; without a word, all of them. */
export const KEPT_WORDS: Record<string, readonly [reason: string, ...words: string[]]> = {
  'sandbox/postgres/account.ts': ['the name of a Unix account', 'nobody'],
  'test/support/house-rules.ts': ['the rule itself'],
  'test/integration/house-rules.spec.ts': ['samples of the rule'],
};

/** A parsed source file. */
export interface Code {
  /** Relative to the project, with slashes. */
  path: string;
  text: string;
  tree: ts.SourceFile;
}

/** @returns the violations in a file, in a few words each */
export type Rule = (code: Code) => string[];

export function parse(path: string, text: string): Code {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
}

export function readTree(...folders: string[]): Code[] {
  return folders
    .filter((folder) => existsSync(join(PROJECT, folder)))
    .flatMap((folder) =>
      readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(folder, name),
      ),
    )
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => parse(path.split(sep).join('/'), readFileSync(join(PROJECT, path), 'utf8')));
}

/** Every node of a kind, including tokens, because comments are attached to tokens. */
export function collect<Found extends ts.Node>(
  tree: ts.SourceFile,
  isWanted: (node: ts.Node) => node is Found,
): Found[] {
  const found: Found[] = [];
  const visit = (node: ts.Node): void => {
    if (isWanted(node)) found.push(node);
    for (const child of node.getChildren(tree)) visit(child);
  };
  visit(tree);
  return found;
}

function lineOf(tree: ts.SourceFile, position: number): number {
  return tree.getLineAndCharacterOfPosition(position).line + 1;
}

function commentsOf({ tree, text }: Code): string[] {
  const comments = new Map<number, string>();
  for (const node of collect(
    tree,
    (candidate): candidate is ts.Node => candidate.getChildCount(tree) === 0,
  )) {
    const ranges = [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ];
    for (const { pos, end } of ranges) comments.set(pos, text.slice(pos, end));
  }
  return [...comments.values()];
}

export function importsOf({ tree }: Code): string[] {
  const declared = collect(tree, (node) => ts.isImportDeclaration(node) || ts.isExportDeclaration(node));
  const called = collect(tree, ts.isCallExpression).filter(
    ({ expression }) => expression.kind === ts.SyntaxKind.ImportKeyword,
  );
  const specifiers = [
    ...declared.map((node) => node.moduleSpecifier),
    ...called.map((call) => call.arguments[0]),
  ];
  return specifiers
    .filter((node) => node !== undefined)
    .filter(ts.isStringLiteral)
    .map((node) => node.text);
}

/** The folder of `src` that a file is in. */
export function partOf(path: string): string {
  const [, first = ''] = path.split('/');
  return first.replace(/\.(ts|js)$/, '');
}

export const crowdedFolders = (files: Code[]): string[] => {
  const folders = Map.groupBy(
    files.filter(({ path }) => !path.endsWith('.spec.ts')),
    ({ path }) => dirname(path),
  );
  return [...folders]
    .filter(([, content]) => content.length > MAX_FILES_IN_FOLDER)
    .map(([folder, content]) => `${folder} holds ${content.length} files`);
};

export const longFile: Rule = ({ text }) => {
  const lines = text.trimEnd().split('\n').length;
  return lines > MAX_LINES_OF_FILE ? [`${lines} lines`] : [];
};

export const longFunctions: Rule = ({ tree }) =>
  collect(tree, ts.isFunctionLike).flatMap((node) => {
    const first = lineOf(tree, node.getStart(tree));
    const lines = lineOf(tree, node.getEnd()) - first + 1;
    return lines > MAX_LINES_OF_FUNCTION ? [`the function in line ${first} has ${lines} lines`] : [];
  });

export const greedyConstructors: Rule = ({ tree }) =>
  collect(tree, ts.isConstructorDeclaration)
    .filter(({ parameters }) => parameters.length > MAX_CONSTRUCTOR_PARAMETERS)
    .map(({ parameters }) => `a constructor with ${parameters.length} parameters`);

export const wrongName: Rule = ({ path, tree }) => {
  const name = basename(path);
  const problems: string[] = [];
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*\.tsx?$/.test(name)) problems.push('the name is not kebab-case');
  if (name === 'index.ts') problems.push('a barrel file');
  for (const node of collect(tree, ts.isClassDeclaration)) {
    const decorators = (ts.getDecorators(node) ?? []).map(({ expression }) => expression);
    const byDecorator = decorators
      .filter(ts.isCallExpression)
      .map(({ expression }) => SUFFIX_OF_DECORATOR[expression.getText(tree)]);
    const byName = SUFFIX_OF_CLASS.filter(([ending]) => ending.test(node.name?.text ?? '')).map(
      ([, suffix]) => suffix,
    );
    for (const suffix of [...byDecorator, ...byName]) {
      if (suffix && !name.endsWith(suffix)) problems.push(`the name must end with ${suffix}`);
    }
  }
  return problems;
};

export const prefixedInterfaces: Rule = ({ tree }) =>
  collect(
    tree,
    (node) =>
      ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isClassDeclaration(node),
  )
    .map((node) => node.name?.text ?? '')
    .filter((name) => /^I[A-Z][a-z]/.test(name));

export const environmentReaders: Rule = ({ path, tree }) =>
  partOf(path) === 'config' || path in ENVIRONMENT_READERS
    ? []
    : collect(tree, ts.isPropertyAccessExpression)
        .filter((node) => node.getText(tree) === 'process.env')
        // Entry points pass the whole environment to the loader of the settings.
        .filter(
          ({ parent }) =>
            !(ts.isCallExpression(parent) && parent.expression.getText(tree) === 'loadSettings'),
        )
        .map((node) => `reads process.env in line ${lineOf(tree, node.getStart(tree))}`);

export const abruptExits: Rule = ({ path, tree }) =>
  EXITING_FILES.has(path)
    ? []
    : collect(tree, ts.isCallExpression)
        .filter(({ expression }) => expression.getText(tree) === 'process.exit')
        .map((node) => `calls process.exit in line ${lineOf(tree, node.getStart(tree))}; use endProcess`);

export const lateNodeChecks: Rule = ({ path, tree }) =>
  !COMMANDS.has(path) || /\/require-node\.[jt]s$/.test(importsOf({ path, tree, text: '' })[0] ?? '')
    ? []
    : ['does not import require-node.js first'];

export const unexplainedEscapes: Rule = (code) =>
  commentsOf(code).filter(
    (comment) =>
      (/(oxlint|eslint)-disable/.test(comment) && !/-disable\S*\s+\S.*\s--\s+\S+/.test(comment)) ||
      /@ts-(ignore|nocheck)/.test(comment) ||
      /@ts-expect-error\s*(\*\/)?$/.test(comment),
  );

/** Finds marks of unfinished work. */
export const unfinished: Rule = (code) =>
  commentsOf(code).filter((comment) => /\b(TODO|FIXME|XXX|HACK)\b/.test(comment));

/** Paraphrases in a text, also across line breaks and the markers of comment lines. */
export function paraphrasesIn(path: string, text: string): string[] {
  const [reason, ...kept] = KEPT_WORDS[path] ?? [];
  if (reason && kept.length === 0) return [];
  const found = text.replaceAll(/\s*\n\s*(\*(?!\/)|\/\/)?\s*/g, ' ').match(PARAPHRASES) ?? [];
  return found.map((words) => words.toLowerCase()).filter((words) => !kept.includes(words));
}

export const paraphrases: Rule = (code) => {
  const literals = collect(
    code.tree,
    (node) => ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node) || ts.isJsxText(node),
  ).map((node) => node.text);
  return [commentsOf(code).join('\n'), ...literals].flatMap((text) => paraphrasesIn(code.path, text));
};

export function violations(rule: Rule, files: Code[]): string[] {
  return files.flatMap((code) => rule(code).map((problem) => `${code.path}: ${problem}`));
}
