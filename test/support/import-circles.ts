import { dirname, join, normalize, sep } from 'node:path';
import { type Code, importsOf } from './house-rules.js';

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
