import { Injectable } from '@nestjs/common';
import { errors, type JWTPayload, jwtVerify, type JWTVerifyOptions } from 'jose';
import { Settings } from '../config/settings.js';
import { isOpaqueId } from '../platform/http/input/opaque-id.js';
import { type Caller, CUSTOMER_SCOPES, type Scope } from './access.js';
import { RefusedCredentials } from './auth.problems.js';
import { IssuerKeys } from './issuer-keys.js';
import { toScopes } from './scopes.js';

/** The longest subject that OpenID Connect allows (Core 1.0, section 2). */
const MAX_SUBJECT_LENGTH = 255;

/** Types of access tokens (RFC 9068, 2.1; RFC 7519, 5.1). Other types, such as logout tokens, are for other purposes. */
const TOKEN_TYPES = new Set(['at+jwt', 'jwt']);

/** An access token that lives for longer is a mistake of the issuer, and could not be withdrawn. */
const MAX_LIFETIME_SECONDS = 366 * 86_400;

/** The meaning of an invalid claim. Other messages of the library are not exposed. */
const CLAIM_MESSAGES: Record<string, string> = {
  iss: 'The token is of another issuer',
  aud: 'The token is for another audience',
  nbf: 'The token is not valid yet',
  exp: 'The token does not say when it expires',
};

/** Access tokens (RFC 9068 and earlier forms) of the trusted issuer. */
@Injectable()
export class BearerTokens {
  private readonly options: JWTVerifyOptions;

  constructor(
    private readonly keys: IssuerKeys,
    private readonly settings: Settings,
  ) {
    this.options = {
      algorithms: settings.JWT_ALGORITHMS.split(','),
      clockTolerance: settings.JWT_CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ['exp'],
      ...(settings.JWT_ISSUER !== undefined && { issuer: settings.JWT_ISSUER }),
      ...(settings.JWT_AUDIENCE !== undefined && { audience: settings.JWT_AUDIENCE }),
    };
  }

  /**
   * The caller of a token. A token with `orders:read:all` belongs to staff; every other token belongs to a customer. Staff
   * scopes of a customer's token do not count, because an issuer may have granted them by mistake.
   *
   * @throws {RefusedCredentials} when the token is certainly not valid
   * @throws {Problem} issuer-unavailable
   */
  async callerOf(token: string): Promise<Caller> {
    const claims = await this.verify(token);
    const scopes = scopesOf(claims);
    if (scopes.has('orders:read:all')) {
      return { id: `user:${idIn(claims, 'sub', MAX_SUBJECT_LENGTH)}`, scopes, customerId: null };
    }
    const customerId = idIn(claims, this.settings.JWT_CUSTOMER_CLAIM).normalize('NFC');
    const customerScopes = new Set(CUSTOMER_SCOPES.filter((scope) => scopes.has(scope)));
    return { id: `customer:${customerId}`, scopes: customerScopes, customerId };
  }

  private async verify(token: string): Promise<JWTPayload> {
    try {
      const { payload, protectedHeader } = await jwtVerify(
        token,
        (header, input) => this.keys.find(header, input),
        this.options,
      );
      checkType(protectedHeader.typ);
      checkTimes(payload, this.settings.JWT_CLOCK_TOLERANCE_SECONDS);
      return payload;
    } catch (error) {
      // Other exceptions are faults of the service or the issuer, and say nothing about the token.
      if (error instanceof errors.JOSEError) throw new RefusedCredentials('invalid_token', reasonOf(error));
      throw error;
    }
  }
}

/**
 * @param type any JSON value of the issuer; compared without case and without the prefix that it may have (RFC 7515,
 *   section 4.1.9)
 */
function checkType(type: unknown): void {
  if (type === undefined) return;
  if (typeof type === 'string' && TOKEN_TYPES.has(type.toLowerCase().replace(/^application\//, ''))) return;
  throw new RefusedCredentials('invalid_token', 'The token is not an access token');
}

function checkTimes({ exp = 0, iat = 0 }: JWTPayload, tolerance: number): void {
  const now = Date.now() / 1_000;
  if (exp > now + MAX_LIFETIME_SECONDS + tolerance) {
    throw new RefusedCredentials('invalid_token', 'The token expires more than a year from now');
  }
  // Whole seconds: an issuer may round up.
  if (iat > now + 1 + tolerance) {
    throw new RefusedCredentials('invalid_token', 'The token was issued in the future');
  }
}

function reasonOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    return CLAIM_MESSAGES[error.claim] ?? 'The token has a claim that is not valid';
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'The token is not signed as the service demands it';
  if (error instanceof errors.JWKSNoMatchingKey)
    return 'The token is signed with a key that the issuer does not have';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'The signature of the token is wrong';
  return 'This is not a token that can be verified';
}

/** Scopes in the forms that are in use: a text with blanks (RFC 8693, 4.2), a list, and either under `scp`. */
function scopesOf(claims: JWTPayload): ReadonlySet<Scope> {
  const names = [claims['scope'], claims['scp']].flatMap((claim) =>
    typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? (claim as unknown[]) : [],
  );
  return toScopes(names);
}

/** An id from a claim, text or integer. It is stored and shown, so it has to be a valid id. */
function idIn(claims: JWTPayload, claim: string, maxLength?: number): string {
  const value = claims[claim];
  const id = Number.isSafeInteger(value) ? String(value) : value;
  if (typeof id === 'string' && isOpaqueId(id, maxLength)) return id;
  throw new RefusedCredentials('invalid_token', `The token does not say who it is for in the claim ${claim}`);
}
