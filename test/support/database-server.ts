import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startEmbeddedPostgres } from '../../sandbox/postgres/embedded-postgres.js';
import { migrateDatabase } from '../../src/platform/database/migrate.js';
import {
  administer,
  RUN_VARIABLE,
  SERVER_VARIABLE,
  templateOf,
  TEST_DATABASE_PREFIX,
  urlOf,
} from './database.js';

interface DatabaseServer {
  url: string;
  /** Name of the server that the tests use, for the output. */
  description: string;
  stop(): Promise<void>;
}

/** The image that the documents recommend for production. */
const IMAGE = 'postgres:18';

/** Every worker of jest may run several instances of the service, each with a pool. */
const MAX_CONNECTIONS = 300;

/** A Docker engine on this machine answers in milliseconds; without one, no test may be delayed. */
const ENGINE_TIMEOUT_MS = 2_000;

/** Enough to pull the image once over a slow line; after that the embedded server is used. */
const CONTAINER_TIMEOUT_MS = 180_000;

/** Age of databases that killed runs left behind; no run takes nearly as long. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1_000;

const TEMPORARY_PREFIX = 'order-test-postgres-';

/** Passed from the setup to the teardown, which jest runs in the same process. */
export const FINISH_RUN = Symbol.for('order-service.finish-test-run');

/** Chooses a server, creates the template of this run there, and publishes both to the test files. */
export async function prepareRun(): Promise<void> {
  const server = await chooseServer();
  process.stderr.write(`Database server of the tests: ${server.description}\n`);
  const run = `${Date.now().toString(36)}${randomBytes(3).toString('hex')}`;
  const finish = async (): Promise<void> => {
    try {
      await dropDatabases(server.url, run);
    } finally {
      await server.stop();
    }
  };
  try {
    const template = templateOf(run);
    await administer(server.url, `CREATE DATABASE ${template}`);
    await migrateDatabase(urlOf(server.url, template));
    // A database with open connections can't be copied.
    await administer(server.url, `ALTER DATABASE ${template} WITH ALLOW_CONNECTIONS false`);
  } catch (error) {
    await finish().catch(() => undefined);
    const reason = error instanceof AggregateError ? error.errors.join(', ') : String(error);
    throw new Error(`The database server of the tests can't be used: ${reason}`, { cause: error });
  }
  process.env[SERVER_VARIABLE] = server.url;
  process.env[RUN_VARIABLE] = run;
  Reflect.set(globalThis, FINISH_RUN, finish);
}

async function chooseServer(): Promise<DatabaseServer> {
  const given = process.env['TEST_DATABASE_URL'];
  if (given) {
    const { host } = new URL(given);
    return { url: given, description: `${host}, from TEST_DATABASE_URL`, stop: async () => undefined };
  }
  let reason = 'no Docker engine answers';
  if (await engineAnswers()) {
    try {
      return await startContainer();
    } catch (error) {
      reason = `a Docker engine answers, but no container could be started: ${String(error)}`;
    }
  }
  return startEmbedded(reason);
}

/** Probes the usual addresses of an engine, all at once. */
async function engineAnswers(): Promise<boolean> {
  const given = process.env['DOCKER_HOST'];
  const sockets = [
    '/var/run/docker.sock',
    join(homedir(), '.docker', 'run', 'docker.sock'),
    join(process.env['XDG_RUNTIME_DIR'] ?? '/run', 'docker.sock'),
  ];
  const places = given ? [given] : sockets.map((path) => `unix://${path}`);
  const answers = await Promise.all(places.map((place) => ping(place)));
  return answers.includes(true);
}

async function ping(place: string): Promise<boolean> {
  const url = new URL(place);
  // With TLS or another protocol the engine is configured on purpose: its client library may try it.
  if (!['unix:', 'tcp:', 'http:'].includes(url.protocol)) return true;
  const target =
    url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: url.port || 2375 };
  return new Promise((resolve) => {
    const call = request({ ...target, path: '/_ping', timeout: ENGINE_TIMEOUT_MS }, (response) => {
      response.resume();
      // An engine with TLS answers 400 to plain HTTP, so it exists all the same.
      resolve(response.statusCode === 200 || response.statusCode === 400);
    });
    call.once('timeout', () => call.destroy());
    call.once('error', () => resolve(false));
    call.once('close', () => resolve(false));
    call.end();
  });
}

async function startContainer(): Promise<DatabaseServer> {
  // Loaded only here, because it takes a second and is of no use without an engine.
  const { GenericContainer, Wait } = await import('testcontainers');
  const password = randomBytes(18).toString('base64url');
  const settings = [`max_connections=${MAX_CONNECTIONS}`, 'fsync=off', 'full_page_writes=off'];
  const container = await new GenericContainer(IMAGE)
    .withEnvironment({ POSTGRES_PASSWORD: password })
    .withCommand(['postgres', ...settings.flatMap((setting) => ['-c', setting])])
    .withTmpFs({ '/var/lib/postgresql': 'rw' })
    .withExposedPorts(5432)
    // The image starts the server once for initialization, and then once more for use.
    .withWaitStrategy(
      Wait.forAll([
        Wait.forLogMessage(/database system is ready to accept connections/, 2),
        Wait.forListeningPorts(),
      ]),
    )
    .withStartupTimeout(CONTAINER_TIMEOUT_MS)
    .start();
  return {
    url: `postgres://postgres:${password}@${container.getHost()}:${container.getMappedPort(5432)}/postgres`,
    description: `${IMAGE} in a container (testcontainers)`,
    stop: async () => void (await container.stop()),
  };
}

async function startEmbedded(reason: string): Promise<DatabaseServer> {
  await removeAbandonedFolders();
  const dataDirectory = await mkdtemp(join(tmpdir(), TEMPORARY_PREFIX));
  const remove = (): Promise<void> => rm(dataDirectory, { recursive: true, force: true });
  try {
    const options = { dataDirectory, durable: false, maxConnections: MAX_CONNECTIONS };
    const database = await startEmbeddedPostgres(options);
    return {
      url: database.url,
      description: `embedded PostgreSQL (${reason})`,
      stop: () => database.stop('immediate').then(remove),
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function removeAbandonedFolders(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(TEMPORARY_PREFIX));
  for (const path of names.map((name) => join(tmpdir(), name))) {
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    // Another user's folder in a shared place can't be removed, and does not need to be.
    if (age > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Drops the databases of this run, and those of killed runs: their names begin with the time. */
async function dropDatabases(serverUrl: string, run: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  try {
    const listed = await client.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [TEST_DATABASE_PREFIX],
    );
    const oldest = (Date.now() - ABANDONED_AFTER_MS).toString(36);
    for (const { datname } of listed.rows) {
      const owner = datname.slice(TEST_DATABASE_PREFIX.length).split('_')[0] ?? '';
      const abandoned = /^[0-9a-z]{14}$/.test(owner) && owner.slice(0, oldest.length) < oldest;
      if (owner === run || abandoned) await client.query(`DROP DATABASE IF EXISTS "${datname}" WITH (FORCE)`);
    }
  } finally {
    await client.end();
  }
}
