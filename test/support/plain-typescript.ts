import { dirname, join, normalize, sep } from 'node:path';
import ts from 'typescript';
import { collect, type Rule } from './house-rules.js';

/** Files of `src` that Node runs as they are. The sandbox imports these, and of the others only types. */
const PLAIN_FILES = new Set([
  'src/config/listen-address.ts',
  'src/platform/end-process.ts',
  'src/platform/http/edge/foreign-page.ts',
  'src/platform/require-node.ts',
]);

/** Node runs the sandbox as it is: imports name the files, and lead to others that run like this. */
export const importsOfSandbox: Rule = ({ path, tree }) =>
  collect(tree, ts.isImportDeclaration)
    .filter(({ importClause }) => importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword)
    .map(({ moduleSpecifier }) => (ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : ''))
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) =>
      normalize(join(dirname(path), specifier))
        .split(sep)
        .join('/'),
    )
    .filter((target) => !PLAIN_FILES.has(target) && !/^sandbox\/.*\.ts$/.test(target))
    .map((target) => `imports ${target}`);

/** Syntax that is more than types, which Node can't strip. */
export const unstrippableSyntax: Rule = ({ tree }) => [
  ...collect(tree, ts.isParameter)
    .filter((parameter) => ts.isParameterPropertyDeclaration(parameter, parameter.parent))
    .map(({ name }) => `the parameter property ${name.getText(tree)}`),
  ...collect(tree, ts.isEnumDeclaration).map(({ name }) => `the enum ${name.text}`),
  ...collect(tree, ts.isDecorator).map((decorator) => `the decorator ${decorator.getText(tree)}`),
];
