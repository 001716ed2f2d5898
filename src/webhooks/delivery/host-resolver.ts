import type { LookupAddress } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';

/** Two queries to a name server, the second with twice the time, end before the connection times out. */
const QUERIES = { timeout: 1_000, tries: 2 };

const HOSTS_FILE = '/etc/hosts';

/** Resolves a name to all of its addresses. */
export type Resolve = (hostname: string) => Promise<LookupAddress[]>;

/**
 * Makes a resolver with queries of its own. `dns.lookup` takes one of the few threads of the process for as long as a name server
 * takes: an endpoint whose name server hangs would hold up the lookups of the database and of other services.
 *
 * @param servers replaced in tests
 */
export function newResolver(servers?: readonly string[]): Resolve {
  const resolver = new Resolver(QUERIES);
  if (servers) resolver.setServers(servers);
  return async (hostname) => {
    // These are names of this machine or its network, which no endpoint slows down.
    if (!hostname.includes('.') || (await isInHostsFile(hostname))) return lookup(hostname, { all: true });
    const [ipv4, ipv6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const addresses = [...addressesOf(ipv4, 4), ...addressesOf(ipv6, 6)];
    if (addresses.length === 0 && ipv4.status === 'rejected') throw ipv4.reason;
    return addresses;
  };
}

function addressesOf(result: PromiseSettledResult<string[]>, family: 4 | 6): LookupAddress[] {
  return result.status === 'fulfilled' ? result.value.map((address) => ({ address, family })) : [];
}

async function isInHostsFile(hostname: string): Promise<boolean> {
  const text = await readFile(HOSTS_FILE, 'utf8').catch(() => '');
  return text.toLowerCase().split(/\s+/).includes(hostname);
}
