import { execFileSync } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** Builds an earlier commit in a folder of its own, with the packages of this working copy. @returns its dist */
export async function buildCommit(commit: string, folder: string): Promise<string> {
  const copy = join(folder, 'previous');
  execFileSync('git', ['clone', '--quiet', PROJECT, copy]);
  execFileSync('git', ['checkout', '--quiet', commit], { cwd: copy });
  await symlink(join(PROJECT, 'node_modules'), join(copy, 'node_modules'));
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: copy, stdio: ['ignore', 'ignore', 'inherit'] });
  return join(copy, 'dist');
}
