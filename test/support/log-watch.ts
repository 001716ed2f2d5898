import { parse } from 'node:querystring';

/** Shorter names, and letters that are not, could be in a log for other reasons. */
const PERSONAL = /"customer_(?:name|email)"\s*:\s*"([^"\\]{6,})"/g;

/** Headers that say who somebody is. */
const SECRET_HEADERS = ['authorization', 'x-api-key', 'cookie'];

const secrets = new Set<string>();
const lines: string[] = [];
let isWatching = false;

/** Where services that run in the process of a test write their log. */
export const watchedLog = {
  write(line: string): void {
    isWatching = true;
    lines.push(line);
  },
};

/** Remembers what must not be in a log: names, addresses and credentials that a test is about to send. */
export function rememberSecrets(url: string, headers: Headers, body: string): void {
  for (const [, value = ''] of body.matchAll(PERSONAL)) secrets.add(value);
  const { customer_email, q } = parse(new URL(url).search.slice(1));
  for (const address of [customer_email, q]) {
    if (typeof address === 'string' && address.length > 5 && address.includes('@')) secrets.add(address);
  }
  for (const name of SECRET_HEADERS) {
    const credential = headers.get(name)?.replace(/^Bearer +/i, '');
    if (credential !== undefined && credential.length > 5) secrets.add(credential);
  }
}

/** @throws {Error} when something that was sent is in the log, of any service and of any level */
export function checkLog(): void {
  // A log that goes elsewhere would hold no secret either. Where nothing was sent, nothing need have been logged.
  if (!isWatching && secrets.size > 0) throw new Error('nothing of the log has come here');
  const log = lines.splice(0).join('');
  for (const secret of secrets) {
    const at = log.indexOf(secret);
    if (at >= 0) throw new Error(`the log has "${secret}": ${log.slice(Math.max(0, at - 300), at + 100)}`);
  }
}
