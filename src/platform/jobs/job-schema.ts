import { PgBoss, systemClock, type Clock, type ConstructorOptions } from 'pg-boss';
import { AttendedClient } from '../database/session/attended-client.js';
import {
  CONNECT_TIMEOUT_MS,
  IDLE_IN_TRANSACTION_TIMEOUT_MS,
  STATEMENT_TIMEOUT_MS,
} from '../database/data-source.js';
import { databaseTls, type DatabaseSettings } from '../database/database-tls.js';

/** Connections for fetching and settling jobs and for the supervisor. */
const JOB_CONNECTIONS = 4;

/**
 * The queue's timers compare times of this clock. By the wall clock, which may be set back, they would stand still for
 * as long as it was set back: no job of a dead process would be given to another, and idle workers would not look.
 */
const STEADY_CLOCK: Clock = { ...systemClock, now: () => performance.timeOrigin + performance.now() };

/** Options of the driver that the queue passes on to its pool without declaring them. */
interface JobSessions {
  Client: typeof AttendedClient;
  connectionTimeoutMillis: number;
  statement_timeout: number;
  idle_in_transaction_session_timeout: number;
}

/** Options that the job queue and the migration of its tables have in common. */
export function jobDatabaseOptions(settings: DatabaseSettings): ConstructorOptions {
  const options: ConstructorOptions & JobSessions = {
    connectionString: settings.DATABASE_URL,
    ssl: databaseTls(settings),
    application_name: 'order-service jobs',
    max: JOB_CONNECTIONS,
    // Nothing in the service recurs by the calendar.
    schedule: false,
    clock: STEADY_CLOCK,
    Client: AttendedClient,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  };
  return options;
}

/**
 * Finds the jobs that ran out of attempts among many that did not: for the list of incidents and for the metrics. The
 * indexes of pg-boss serve fetching only.
 */
const DEAD_JOBS_INDEX = `CREATE INDEX IF NOT EXISTS order_service_dead_jobs
  ON pgboss.job (name, singleton_key) WHERE state = 'failed'`;

/** Finds the jobs that have been done for long enough to be deleted, oldest first, without reading those that have not. */
const COMPLETED_JOBS_INDEX = `CREATE INDEX IF NOT EXISTS order_service_completed_jobs
  ON pgboss.job (completed_on) WHERE state = 'completed'`;

/** Finds what was done for an order, for people who look at it. Each job costs it one entry, when it is done. */
const COMPLETED_JOBS_BY_KEY_INDEX = `CREATE INDEX IF NOT EXISTS order_service_completed_jobs_by_key
  ON pgboss.job (singleton_key) WHERE state = 'completed'`;

/** A migration may take longer than any statement of the running service. */
const UNLIMITED = { statement_timeout: 0, idle_in_transaction_session_timeout: 0 };

/** Creates or upgrades the tables of the job queue. Safe to repeat and to run beside running instances. */
export async function migrateJobs(settings: DatabaseSettings): Promise<void> {
  const boss = new PgBoss({
    ...jobDatabaseOptions(settings),
    max: 1,
    migrate: true,
    supervise: false,
    ...UNLIMITED,
  });
  let fault: unknown;
  // Without a listener an error event would end the process before the failure could be told.
  boss.on('error', (error) => (fault = error));
  await boss.start();
  for (const index of fault ? [] : [DEAD_JOBS_INDEX, COMPLETED_JOBS_INDEX, COMPLETED_JOBS_BY_KEY_INDEX])
    await boss.getDb().executeSql(index);
  await boss.stop({ graceful: false });
  if (fault instanceof Error) throw fault;
}
