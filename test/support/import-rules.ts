import { dirname, join, normalize, sep } from 'node:path';
import ts from 'typescript';
import { type Code, collect, importsOf, partOf, type Rule } from './house-rules.js';

/** The parts of `src` that each part may import besides itself. Files at the top may import all. */
const ALLOWED_IMPORTS: Record<string, readonly string[]> = {
  config: [],
  'pause-points': [],
  platform: ['config'],
  auth: ['platform', 'config'],
  idempotency: ['platform', 'config'],
  tasks: ['platform', 'config'],
  orders: ['auth', 'idempotency', 'tasks', 'platform', 'pause-points', 'config'],
  inventory: ['orders', 'platform', 'pause-points', 'config'],
  carts: ['orders', 'tasks', 'platform', 'pause-points', 'config'],
  notifications: ['orders', 'tasks', 'platform', 'pause-points', 'config'],
  events: ['orders', 'auth', 'tasks', 'pause-points', 'platform', 'config'],
  webhooks: ['orders', 'auth', 'events', 'tasks', 'pause-points', 'platform', 'config'],
  operations: ['orders', 'auth', 'events', 'tasks', 'webhooks', 'platform', 'config'],
  health: ['orders', 'auth', 'platform', 'config'],
  admin: ['platform', 'config'],
};

export const forbiddenImports: Rule = (code) => {
  const part = partOf(code.path);
  const isAtTop = code.path.split('/').length === 2;
  const allowed = isAtTop ? undefined : ALLOWED_IMPORTS[part];
  if (!isAtTop && !allowed) return [`${part} is not listed among the parts of src`];
  return importsOf(code).flatMap((specifier) => {
    if (!specifier.startsWith('.')) return [];
    const target = normalize(join(dirname(code.path), specifier))
      .split(sep)
      .join('/');
    if (!target.startsWith('src/')) return [`imports ${specifier}, which is not in src`];
    const targetPart = partOf(target);
    if (targetPart !== part && allowed?.includes(targetPart) === false)
      return [`${part} imports ${targetPart}`];
    // Only app.module combines modules; a feature may import the modules of the platform that it needs.
    const isForeignModule =
      target.endsWith('.module.js') && ![part, 'platform', 'config', 'app.module'].includes(targetPart);
    return isForeignModule && part !== 'app.module' ? [`${part} imports the module ${target}`] : [];
  });
};

type Graph = Map<string, Set<string>>;

/** The files that each file imports, types included. */
function importGraph(files: readonly Code[]): Graph {
  const known = new Set(files.map(({ path }) => path));
  return new Map(
    files.map((code) => {
      const targets = importsOf(code)
        .map((specifier) =>
          normalize(join(dirname(code.path), specifier))
            .split(sep)
            .join('/'),
        )
        .map((target) => target.replace(/\.js$/, '.ts'));
      return [code.path, new Set(targets.filter((target) => known.has(target)))];
    }),
  );
}

/** The nodes that lead back to themselves. */
function circlesIn(graph: Graph): string[] {
  const leadsBack = (start: string): boolean => {
    const seen = new Set<string>();
    const open = [...(graph.get(start) ?? [])];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (node === start) return true;
      if (!seen.has(node)) open.push(...(graph.get(node) ?? []));
      seen.add(node);
    }
    return false;
  };
  return [...graph.keys()].filter(leadsBack).toSorted();
}

/** Files of circles of imports, `import type` included. */
export function circlesOfFiles(files: readonly Code[]): string[] {
  return circlesIn(importGraph(files));
}

/**
 * Folders of circles among the subfolders of one folder. Its own files may be above or below its subfolders; the
 * circles of files cover these.
 */
export function circlesOfFolders(files: readonly Code[]): string[] {
  const graphs = new Map<string, Graph>();
  for (const [from, targets] of importGraph(files)) {
    for (const to of targets) {
      const [fromParts, toParts] = [from.split('/'), to.split('/')];
      const fork = fromParts.findIndex((part, depth) => part !== toParts[depth]);
      // One of the two is a file of their common folder itself.
      if (fork === -1 || fork >= fromParts.length - 1 || fork >= toParts.length - 1) continue;
      const parent = fromParts.slice(0, fork).join('/');
      const graph = graphs.get(parent) ?? new Map<string, Set<string>>();
      graphs.set(parent, graph);
      const [folder, target] = [fromParts.slice(0, fork + 1).join('/'), toParts.slice(0, fork + 1).join('/')];
      graph.set(folder, (graph.get(folder) ?? new Set()).add(target));
      graph.set(target, graph.get(target) ?? new Set());
    }
  }
  return [...graphs.values()].flatMap((graph) => circlesIn(graph));
}

/** Words of the domain, which the platform serves without knowing it. A customer is a kind of caller there. */
const DOMAIN_WORDS = /^(order|placement|cart|stock|inventory|notification)s?$/;

/** Names in the platform that belong to the domain. Text is free: it may say for what a mechanism was measured. */
export function domainNames({ path, tree }: Code): string[] {
  if (!path.startsWith('src/platform/') || path.endsWith('.spec.ts')) return [];
  const names = [path.split('/').at(-1) ?? '', ...collect(tree, ts.isIdentifier).map(({ text }) => text)];
  return names.filter((name) =>
    name
      .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
      .split(/[^A-Za-z0-9]+/)
      .some((word) => DOMAIN_WORDS.test(word.toLowerCase())),
  );
}
