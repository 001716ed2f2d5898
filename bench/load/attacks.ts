/** An attack, and the settings that it needs. */
export interface Attack {
  name: AttackName;
  does: string;
  settings?: Record<string, string>;
  /** Whether the attacker has 200 orders of 100 lines before it begins. */
  needsOrders?: boolean;
}

export type AttackName = 'validation' | 'streams' | 'lists' | 'strangers' | 'growth';

/** The customer that the attacker is. */
export const ATTACKER = 'attacker';

/** Requests a minute: more than an honest client of this measurement sends. */
const RATE_LIMIT = '6000';

export const ATTACKS: readonly Attack[] = [
  { name: 'validation', does: '16 clients send orders of 90 kB with 30,001 wrong lines' },
  {
    name: 'streams',
    does: '100 streams, 2 exports read at 4 kB/s, 16 clients that reconnect to a stream',
    needsOrders: true,
  },
  { name: 'lists', does: '16 clients list 200 orders of 100 lines', needsOrders: true },
  {
    name: 'strangers',
    does: '16 clients without credentials, each request from another /64',
    settings: { TRUST_PROXY: '127.0.0.1', RATE_LIMIT_PER_MINUTE: RATE_LIMIT },
  },
  { name: 'growth', does: '16 clients send respond-async orders of 100 unknown products' },
];
