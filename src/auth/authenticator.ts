import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { Caller } from './access.js';
import { ApiKeys } from './api-keys.js';
import { authenticationRequired, invalidCredentials, RefusedCredentials } from './auth.problems.js';
import { BearerTokens } from './bearer-tokens.js';

/** The scheme in any case, then the token (RFC 6750, 2.1). The verifier checks the form of the token. */
const BEARER = /^bearer +(\S+)$/i;

/** Authenticates requests. */
@Injectable()
export class Authenticator {
  private readonly takesTokens: boolean;
  private readonly takesKeys: boolean;

  constructor(
    private readonly tokens: BearerTokens,
    private readonly keys: ApiKeys,
    private readonly settings: Settings,
  ) {
    this.takesTokens = settings.AUTH.includes('jwt');
    this.takesKeys = settings.AUTH.includes('api-key');
  }

  /** @throws {Problem} authentication-required, invalid-credentials, issuer-unavailable */
  async identify(headers: IncomingHttpHeaders): Promise<Caller> {
    const token = this.takesTokens ? BEARER.exec(headers.authorization ?? '')?.[1] : undefined;
    const key = this.takesKeys ? headers['x-api-key'] : undefined;
    try {
      if (token !== undefined && key !== undefined) {
        throw new RefusedCredentials('invalid_request', 'A token and a key were sent; send only one');
      }
      if (token !== undefined) return await this.tokens.callerOf(token);
      if (key !== undefined) return this.keys.callerOf(String(key));
    } catch (error) {
      throw error instanceof RefusedCredentials ? invalidCredentials(this.settings, error) : error;
    }
    throw authenticationRequired(this.settings);
  }
}
