import type { ClientConfig } from 'pg';

/**
 * Settings that change the meaning, the result format or the time limit of statements. A database or a role may have
 * other defaults (`ALTER DATABASE ... SET`). `default_transaction_read_only` is off so that a default can't refuse
 * every order; a standby stays read-only anyway.
 */
const PINNED: Readonly<Record<string, string>> = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  search_path: '"$user", public',
  standard_conforming_strings: 'on',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  lock_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
};

/** The parts of a connection's configuration that the session sets. */
type Limits = Pick<ClientConfig, 'statement_timeout' | 'idle_in_transaction_session_timeout'>;

/**
 * One statement that pins the settings of a session. A statement rather than the start-up parameter `options`: poolers
 * refuse that one. `idle_session_timeout` is unknown before PostgreSQL 14 and `transaction_timeout` before 17, hence the look
 * into `pg_settings`.
 *
 * @param options `options` of the connection string; a setting that it names is left alone
 */
export function pinSession(limits: Limits, options = ''): string {
  const settings = {
    ...PINNED,
    statement_timeout: String(limits.statement_timeout || 0),
    idle_in_transaction_session_timeout: String(limits.idle_in_transaction_session_timeout || 0),
  };
  const rows = Object.entries(settings)
    .filter(([name]) => !options.toLowerCase().includes(name.toLowerCase()))
    .map(([name, value]) => `('${name}', '${value}')`);
  return (
    `SELECT set_config(pinned.name, pinned.value, false) FROM (VALUES ${rows.join(', ')}) AS pinned (name, value) ` +
    `WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_settings s WHERE lower(s.name) = lower(pinned.name))`
  );
}
