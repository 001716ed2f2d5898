/** Where the service listens by default: in production on every address, elsewhere on this machine only. */
export function defaultHost(environment: string | undefined): string {
  return environment === 'production' ? '0.0.0.0' : '127.0.0.1';
}

/** The machines that can reach a server, for the operator. */
export function describeReach(host: string): string {
  if (host === '0.0.0.0' || host === '::') return `on every address of this machine (HOST=${host})`;
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.');
  return isLoopback ? `from this machine only (HOST=${host})` : `on this address only (HOST=${host})`;
}
