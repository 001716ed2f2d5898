import { spawnSync } from 'node:child_process';
import { chownSync, readFileSync, statSync } from 'node:fs';

/** How a program runs: the words before it on the command line, and its user. */
export interface Launcher {
  prefix: string[];
  identity: { uid?: number; gid?: number };
}

/**
 * Finds out how PostgreSQL can be run: it refuses to run as root, so root has to run it as another user, which gets the
 * folder. The package's way for root does not do: it adds an account to the machine, which can't read a clone below /root.
 *
 * @param cluster where the data lie; its owner decides once it exists
 */
export function chooseLauncher(folder: string, cluster: string, program: string): Launcher {
  if (process.getuid?.() !== 0) return { prefix: [], identity: {} };
  const { uid, gid } = statSync(cluster, { throwIfNoEntry: false }) ?? findAccount();
  chownSync(folder, uid, gid);
  const plain: Launcher = { prefix: [], identity: { uid, gid } };
  const script = 'test -w "$1" && test -r "$2" && test -x "$3"';
  const args = ['-c', script, 'sh', folder, program, process.execPath];
  if (spawnSync('sh', args, { ...plain.identity, cwd: '/' }).status === 0) return plain;
  // Folders that only root may enter need the one capability for that. Programs ask with access(2), which ignores it
  // unless the bit is set.
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--securebits=+no_setuid_fixup'];
  const capabilities = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  return { prefix: ['setpriv', ...ids, ...capabilities], identity: {} };
}

/** Only an account with a name will do: initdb looks the name of its user up. Every system has the last one. */
function findAccount(): { uid: number; gid: number } {
  const accounts = readFileSync('/etc/passwd', 'utf8');
  const found = /^postgres:[^:]*:(\d+):(\d+)/m.exec(accounts) ?? /^nobody:[^:]*:(\d+):(\d+)/m.exec(accounts);
  if (!found)
    throw new Error('PostgreSQL refuses to run as root, and there is no account "postgres" or "nobody".');
  return { uid: Number(found[1]), gid: Number(found[2]) };
}
