import { parse } from 'node:querystring';

/** Shorter names and escaped ones could be in a log for other reasons. */
const PERSONAL = /"(?:customer_(?:name|email|phone)|line1|note)"\s*:\s*"([^"\\]{6,})"/g;

/** Query of the URL of a webhook endpoint, which may hold a token. */
const QUERY_OF_URL = /"url"\s*:\s*"[^"?]*\?([^"]{6,})"/g;

/** Secrets of webhook endpoints, which responses show once. */
const SIGNING = /whsec_[A-Za-z0-9+/]+=*/g;

/** Headers with credentials. */
const SECRET_HEADERS = ['authorization', 'x-api-key', 'cookie'];

const secrets = new Set<string>();
const lines: string[] = [];
let isWatching = false;

/** Log output of the services that run in the process of a test. */
export const watchedLog = {
  write(line: string): void {
    isWatching = true;
    lines.push(line);
  },
};

/** Records secrets that a test is about to send: personal data and credentials. They must not be logged. */
export function rememberSecrets(url: string, headers: Headers, body: string): void {
  for (const pattern of [PERSONAL, QUERY_OF_URL])
    for (const [, value = ''] of body.matchAll(pattern)) secrets.add(value);
  const { customer_email, q } = parse(new URL(url).search.slice(1));
  for (const address of [customer_email, q]) {
    if (typeof address === 'string' && address.length > 5 && address.includes('@')) secrets.add(address);
  }
  for (const name of SECRET_HEADERS) {
    const credential = headers.get(name)?.replace(/^Bearer +/i, '');
    if (credential !== undefined && credential.length > 5) secrets.add(credential);
  }
}

/** Records secrets that a response shows. */
export function rememberShownSecrets(body: string): void {
  for (const [secret] of body.matchAll(SIGNING)) secrets.add(secret);
}

/** @throws {Error} when a recorded secret is in the log of any service, at any level */
export function checkLog(): void {
  // A log written elsewhere would pass without a check. Without requests there may be no log lines.
  if (!isWatching && secrets.size > 0) throw new Error('no log line was captured');
  const log = lines.splice(0).join('');
  for (const secret of secrets) {
    const at = log.indexOf(secret);
    if (at >= 0)
      throw new Error(`the log contains "${secret}": ${log.slice(Math.max(0, at - 300), at + 100)}`);
  }
}
