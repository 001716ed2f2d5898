/** An attack, and the settings that it needs. */
export interface Attack {
  name: AttackName;
  does: string;
  settings?: Record<string, string>;
  /** Whether the attacker has 200 orders of 100 lines before it begins. */
  needsOrders?: boolean;
  /** Without authentication, the attacker and the honest clients differ by their address only. */
  isAnonymous?: boolean;
  /** Scopes of the attacker's token; by default those of a customer. */
  scopes?: string;
  /** Whether the issuer publishes an endless key set while the attack lasts. */
  spoilsKeys?: boolean;
}

export type AttackName =
  | 'validation'
  | 'chunks'
  | 'pipelines'
  | 'bytes'
  | 'streams'
  | 'exports'
  | 'lists'
  | 'addresses'
  | 'strangers'
  | 'growth'
  | 'pages'
  | 'scopes'
  | 'issuer';

/** The customer that the attacker is. */
export const ATTACKER = 'attacker';

/** The address of an attacker without credentials. Honest clients call from 127.0.0.1. */
export const ATTACKER_ADDRESS = '127.0.0.2';

/** Requests a minute: more than an honest client of this measurement sends. */
const RATE_LIMIT = '6000';

export const ATTACKS: readonly Attack[] = [
  { name: 'validation', does: '16 clients send orders of 90 kB with 30,001 wrong lines' },
  {
    name: 'chunks',
    does: '16 clients send bodies in 10,000 chunks of a byte, and in as many as a body may have',
  },
  { name: 'pipelines', does: '16 clients send 64 kB of requests at once' },
  { name: 'bytes', does: '16 clients send heads and bodies a byte at a time' },
  {
    name: 'streams',
    does: '100 streams, 2 exports read at 4 kB/s, 16 clients that reconnect to a stream',
    needsOrders: true,
  },
  { name: 'exports', does: '16 clients export 200 orders of 100 lines as CSV', needsOrders: true },
  { name: 'lists', does: '16 clients list 200 orders of 100 lines', needsOrders: true },
  {
    name: 'addresses',
    does: 'without authentication, 16 clients of another address list 200 orders of 100 lines',
    settings: { AUTH: 'none' },
    needsOrders: true,
    isAnonymous: true,
  },
  {
    name: 'strangers',
    does: '16 clients without credentials, each request from another /64',
    settings: { TRUST_PROXY: '127.0.0.1', RATE_LIMIT_PER_MINUTE: RATE_LIMIT },
  },
  { name: 'growth', does: '16 clients send respond-async orders of 100 unknown products' },
  {
    name: 'pages',
    does: 'without authentication, 16 clients send cross-site POST requests',
    settings: { AUTH: 'none' },
    isAnonymous: true,
  },
  {
    name: 'scopes',
    does: "16 clients with a customer's token and the scope `operations` read incidents and erase data",
    scopes: 'orders:place orders:read operations',
  },
  {
    name: 'issuer',
    does: '16 clients send tokens with made-up key ids, while the issuer publishes 8 MB of keys',
    spoilsKeys: true,
  },
];
