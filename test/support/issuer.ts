import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';

export const AUDIENCE = 'orders';

/** The path at which every issuer here publishes its keys. */
const JWKS_PATH = '/jwks';

const HOUR_S = 3_600;

interface SigningKey {
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  jwk: JWK;
}

/** Differences between a token and a valid one. */
export interface TokenOptions {
  claims?: JWTPayload;
  /** Seconds from now until it expires; one hour by default. */
  expiresIn?: number;
  /** The key id to use instead of the real one; null for none. */
  kid?: string | null;
  /** The type in the header; none by default. */
  /** Any JSON value; a proper one is a string. */
  typ?: unknown;
}

/** A small token issuer: real keys, published over real HTTP. */
export class TestIssuer {
  /** Replaces the published key set; receives its text. */
  spoil: ((text: string) => string) | undefined;
  /** Number of fetches of the key set. */
  fetches = 0;
  private keys: SigningKey[] = [];
  private server: Server | undefined;
  private port = 0;
  private made = 0;

  static async start(): Promise<TestIssuer> {
    const issuer = new TestIssuer();
    await issuer.rotate();
    await issuer.open();
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The settings with which a service trusts this issuer. */
  get settings(): Record<string, string> {
    return {
      AUTH: 'jwt',
      JWT_ISSUER: this.url,
      JWT_AUDIENCE: AUDIENCE,
      JWT_JWKS_URL: `${this.url}${JWKS_PATH}`,
      JWT_CLOCK_TOLERANCE_SECONDS: '0',
    };
  }

  /** Creates a new key for all tokens from now on. @param keepOld whether the old ones stay published */
  async rotate(keepOld = true): Promise<void> {
    this.made += 1;
    const kid = `key-${this.made}`;
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' };
    this.keys = [{ kid, privateKey, publicKey, jwk }, ...(keepOld ? this.keys : [])];
  }

  /** Starts to listen, on the same port as before. */
  async open(): Promise<void> {
    this.server = createServer((request, response) => {
      if (request.url !== JWKS_PATH) return response.writeHead(404).end();
      this.fetches += 1;
      const text = JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) });
      const body = this.spoil?.(text) ?? text;
      return response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    }).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Stops listening. */
  async close(): Promise<void> {
    if (!this.server) return;
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
    this.server = undefined;
  }

  /** A token with these scopes. */
  async token(subject: string, scopes: string, options: TokenOptions = {}): Promise<string> {
    const { privateKey, kid } = this.current;
    const keyId = options.kid === null ? {} : { kid: options.kid ?? kid };
    return new SignJWT(this.claims(subject, scopes, options))
      .setProtectedHeader({
        alg: 'RS256',
        ...keyId,
        ...(options.typ !== undefined && { typ: options.typ as string }),
      })
      .sign(privateKey);
  }

  /** A token without a signature. */
  unsigned(subject: string, scopes: string): string {
    return new UnsecuredJWT(this.claims(subject, scopes)).encode();
  }

  /** A token whose HMAC secret is the public key (algorithm confusion). */
  async signedWithPublicKey(subject: string, scopes: string): Promise<string> {
    const { publicKey, kid } = this.current;
    const secret = new TextEncoder().encode(await exportSPKI(publicKey));
    return new SignJWT(this.claims(subject, scopes)).setProtectedHeader({ alg: 'HS256', kid }).sign(secret);
  }

  private get current(): SigningKey {
    const [key] = this.keys;
    if (!key) throw new Error('the issuer has no key');
    return key;
  }

  private claims(sub: string, scope: string, { claims, expiresIn = HOUR_S }: TokenOptions = {}): JWTPayload {
    const now = Math.floor(Date.now() / 1_000);
    return { iss: this.url, aud: AUDIENCE, sub, scope, iat: now, exp: now + expiresIn, ...claims };
  }
}
