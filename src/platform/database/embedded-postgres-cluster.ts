import { randomBytes, randomUUID } from 'node:crypto';
import { chown, mkdir, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  EmbeddedPostgresError,
  explain,
  hasCode,
  type Launcher,
  type Programs,
  run,
  tailOf,
} from './embedded-postgres-launch.js';

/** Where everything of one database lies. */
export interface Paths {
  folder: string;
  cluster: string;
  data: string;
  password: string;
  log: string;
}

/** A slow disk takes seconds for the first preparation; this only keeps a broken machine from hanging the start. */
const INITIALISE_TIMEOUT_MS = 120_000;

/** The remains of an interrupted first start are removed only when no other first start can be running. */
const ABANDONED_AFTER_MS = 2 * INITIALISE_TIMEOUT_MS;

/**
 * Makes the folder of a database, or finds that it can be used as one.
 *
 * @throws {EmbeddedPostgresError} when it can't
 */
export async function preparePaths(dataDirectory: string): Promise<Paths> {
  try {
    await mkdir(dirname(dataDirectory), { recursive: true });
    await mkdir(dataDirectory, { mode: 0o700 }).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    });
    // PostgreSQL gets the real path, so that the server can be recognised by it through any symbolic link.
    const folder = await realpath(dataDirectory);
    const cluster = join(folder, 'cluster');
    const strangers = (await readdir(folder)).filter(
      (name) => !/^(cluster|new-.*|postgres\.log.*)$/.test(name),
    );
    if (strangers.length > 0) {
      // As root the folder is given to another account, which must never happen to files of something else.
      const message = `The folder ${folder} holds other files (${strangers[0]}): the database needs one of its own.`;
      throw new EmbeddedPostgresError(message);
    }
    const paths = { data: join(cluster, 'data'), password: join(cluster, 'password') };
    return { folder, cluster, ...paths, log: join(folder, 'postgres.log') };
  } catch (error) {
    if (error instanceof EmbeddedPostgresError) throw error;
    throw new EmbeddedPostgresError(explain(`The folder ${dataDirectory} can't be used: ${String(error)}`), {
      cause: error,
    });
  }
}

/**
 * Prepares the data unless they exist. It happens beside their final place and ends with one rename, so that partial
 * data are never used.
 */
export async function initialise(programs: Programs, launcher: Launcher, paths: Paths): Promise<void> {
  if (await exists(paths.cluster)) return;
  await removeAbandoned(paths.folder);
  const draft = join(paths.folder, `new-${randomUUID()}`);
  const data = join(draft, 'data');
  const password = join(draft, 'password');
  try {
    await mkdir(data, { recursive: true, mode: 0o700 });
    // On the disk before the data are, which are of no use without it.
    await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600, flush: true });
    if (process.getuid?.() === 0) {
      for (const path of [draft, data, password]) await chown(path, launcher.owner.uid, launcher.owner.gid);
    }
    // The builtin locale is the same on every machine: the same order, the same upper and lower case.
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    const access = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${password}`];
    const result = await run(launcher, programs.initdb, [`--pgdata=${data}`, ...locale, ...access], {
      timeoutMs: INITIALISE_TIMEOUT_MS,
    });
    if (result.code !== 0) throw new EmbeddedPostgresError(explain(tailOf(result.output)));
    await rename(draft, paths.cluster);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // A concurrent first start in this folder won; its data and password are complete.
    if (!(await exists(paths.cluster))) throw error;
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  const drafts = (await readdir(folder)).filter((name) => name.startsWith('new-'));
  for (const draft of drafts.map((name) => join(folder, name))) {
    const { mtimeMs } = await stat(draft);
    if (Date.now() - mtimeMs > ABANDONED_AFTER_MS) await rm(draft, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
