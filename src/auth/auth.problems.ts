import type { Settings } from '../config/settings.js';
import { REALM } from './access.js';
import { Problem, RETRY_AFTER } from '../platform/http/problem.js';

/** Why credentials were refused; the first two are error codes of RFC 6750. */
export type Refusal = 'invalid_token' | 'invalid_request' | 'invalid_key';

/** Invalid credentials. The reason goes to the caller and not into the log. */
export class RefusedCredentials extends Error {
  constructor(
    readonly refusal: Refusal,
    message: string,
  ) {
    super(message);
    this.name = 'RefusedCredentials';
  }
}

/** Accepted credentials (RFC 9110, 11.6.1): a challenge for each kind. */
function challenges(settings: Settings, refusal?: RefusedCredentials): string {
  // RFC 6750 has no double quotes or backslashes in descriptions; the messages of this module have neither.
  const error = refusal && `, error="${refusal.refusal}", error_description="${refusal.message}"`;
  const isAboutKey = refusal?.refusal === 'invalid_key';
  const offered: string[] = [];
  if (settings.AUTH.includes('jwt'))
    offered.push(`Bearer realm="${REALM}"${isAboutKey ? '' : (error ?? '')}`);
  if (settings.AUTH.includes('api-key')) {
    offered.push(`ApiKey realm="${REALM}", header="X-API-Key"${isAboutKey ? error : ''}`);
  }
  return offered.join(', ');
}

export function authenticationRequired(settings: Settings): Problem {
  const token = settings.AUTH.includes('jwt') ? ['a token in Authorization: Bearer'] : [];
  const key = settings.AUTH.includes('api-key') ? ['a key in X-API-Key'] : [];
  return Problem.http(
    'authentication-required',
    `This needs ${[...token, ...key].join(', or ')}`,
    {},
    { 'www-authenticate': challenges(settings) },
  );
}

export function invalidCredentials(settings: Settings, refusal: RefusedCredentials): Problem {
  return Problem.http(
    'invalid-credentials',
    refusal.message,
    {},
    { 'www-authenticate': challenges(settings, refusal) },
  );
}

/** The token can't be verified at this moment, which does not make it invalid. */
export function issuerUnavailable(): Problem {
  return Problem.http(
    'issuer-unavailable',
    'The issuer of the tokens does not answer, so that the token can not be verified',
    {},
    RETRY_AFTER,
  );
}
