import { execFileSync } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LOCK_FILE = 'package-lock.json';
const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** Builds an earlier commit in a folder of its own, with the packages of its lock file. @returns its dist */
export async function buildCommit(commit: string, folder: string): Promise<string> {
  const copy = join(folder, 'previous');
  execFileSync('git', ['clone', '--quiet', PROJECT, copy]);
  execFileSync('git', ['checkout', '--quiet', commit], { cwd: copy });
  const [own, earlier] = await Promise.all([PROJECT, copy].map((root) => readFile(join(root, LOCK_FILE))));
  if (own && earlier && own.equals(earlier))
    await symlink(join(PROJECT, 'node_modules'), join(copy, 'node_modules'));
  else run(copy, 'ci', '--no-audit', '--no-fund');
  run(copy, 'run', '--silent', 'build');
  return join(copy, 'dist');
}

function run(folder: string, ...command: string[]): void {
  execFileSync('npm', command, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}
