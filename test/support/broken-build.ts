import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** A change of the compiled service that breaks a promise on purpose. */
export interface Break {
  /** Path below `dist`. */
  file: string;
  /** Text that occurs exactly once. */
  from: string;
  to: string;
}

/** A copy of the built service with a defect. */
export interface BrokenBuild {
  dist: string;
  remove(): Promise<void>;
}

/** @throws {Error} when the text to replace is missing: a change without an effect would prove nothing */
export async function breakBuild(changes: readonly Break[]): Promise<BrokenBuild> {
  const folder = await mkdtemp(join(tmpdir(), 'order-faults-broken-'));
  const dist = join(folder, 'dist');
  await cp(join(PROJECT, 'dist'), dist, { recursive: true });
  // Files that the service expects beside `dist`.
  for (const name of ['migrations', 'node_modules', 'package.json']) {
    await symlink(join(PROJECT, name), join(folder, name));
  }
  for (const { file, from, to } of changes) {
    const path = join(dist, file);
    const parts = (await readFile(path, 'utf8')).split(from);
    if (parts.length !== 2)
      throw new Error(`${file} contains ${parts.length - 1} times the text to replace: ${from}`);
    await writeFile(path, parts.join(to));
  }
  return { dist, remove: () => rm(folder, { recursive: true, force: true }) };
}
