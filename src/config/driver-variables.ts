/** Parts that `DATABASE_URL` may leave out, as with every PostgreSQL client: user, host, database and password. */
const COMPLETES_THE_URL = new Set(['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGPASSWORD', 'PGPASSFILE']);

/**
 * Removes the variables of libpq that the driver would read besides the settings. `PGSSLMODE=require`, exported for
 * another database, would make it insist on TLS where `DATABASE_TLS` is off; `PGOPTIONS` would change every session.
 */
export function ignoreDriverVariables(environment: NodeJS.ProcessEnv = process.env): void {
  for (const name of Object.keys(environment)) {
    if (/^PG[A-Z]/.test(name) && !COMPLETES_THE_URL.has(name)) delete environment[name];
  }
}
