// Builds the service and the console into `dist`, unless what they are made of is unchanged since the last build.
// The build happens in a folder of its own and ends with a rename, so that a service that runs keeps its files, and a build
// that fails leaves the last one as it was.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../', import.meta.url));
const INPUTS = ['src', 'console', 'package-lock.json', 'tsconfig.json', 'scripts/build.mjs'];
const STEPS = [
  ['typescript/bin/tsc', '--project', 'tsconfig.json', '--outDir', '<folder>'],
  [
    'vite/bin/vite.js',
    'build',
    '--config',
    'console/vite.config.ts',
    '--logLevel',
    'warn',
    '--outDir',
    '<folder>/console',
    '--emptyOutDir',
  ],
];

function filesOf(path) {
  if (statSync(join(PROJECT, path)).isFile()) return [path];
  return readdirSync(join(PROJECT, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(PROJECT.length))
    .toSorted();
}

function hashOfInputs() {
  const hash = createHash('sha256');
  for (const path of INPUTS.flatMap(filesOf)) {
    const content = readFileSync(join(PROJECT, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

function build(folder) {
  for (const [program, ...args] of STEPS) {
    const words = args.map((word) => word.replace('<folder>', folder));
    const command = [join(PROJECT, 'node_modules', program), ...words];
    const { status } = spawnSync(process.execPath, command, { cwd: PROJECT, stdio: 'inherit' });
    if (status !== 0) return false;
  }
  return true;
}

/** Builds that were killed leave their folders. */
function removeLeftovers() {
  for (const name of readdirSync(PROJECT)) {
    const pid = /^dist\.(?:next|previous)-(\d+)$/.exec(name)?.[1];
    if (pid && !isRunning(Number(pid))) rmSync(join(PROJECT, name), { recursive: true, force: true });
  }
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

const dist = join(PROJECT, 'dist');
const stamp = join(dist, 'inputs.sha256');
const hash = hashOfInputs();
const isFresh =
  existsSync(join(dist, 'main.js')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
if (!isFresh) {
  removeLeftovers();
  const startedAt = performance.now();
  process.stderr.write('Building the service and the console ...\n');
  const [next, previous] = ['next', 'previous'].map((name) => join(PROJECT, `dist.${name}-${process.pid}`));
  try {
    if (build(next)) {
      writeFileSync(join(next, 'inputs.sha256'), hash);
      if (existsSync(dist)) renameSync(dist, previous);
      renameSync(next, dist);
      process.stderr.write(`Built in ${Math.round((performance.now() - startedAt) / 1_000)} s\n`);
    } else {
      process.exitCode = 1;
    }
  } finally {
    for (const folder of [next, previous]) rmSync(folder, { recursive: true, force: true });
  }
}
