import './platform/require-node.js';
import { parseArgs } from 'node:util';
import { makeApiKey, WrongApiKeys } from './auth/api-key.js';
import { endProcess } from './platform/end-process.js';
import { type Scope, SCOPES } from './auth/access.js';

const HELP = `Usage: npm run api-key -- --name <name> --scopes <scope,...> [--expires <time>]

Makes a key for an admin tool or a service. The key is shown once, for its user. The service gets an
entry with its hash, for the list in the file that API_KEYS_FILE names (or in API_KEYS).

  --name <name>        who gets the key, as in warehouse; orders and logs call it key:<name>
  --scopes <scopes>    what it may do, separated by commas: ${SCOPES.join(', ')}
  --expires <time>     when it ends, as in 2027-01-31T00:00:00Z (default: never)
  --help               show this text

To replace a key, add an entry of the same name, give out the new key, and remove the old entry once it is unused.
`;

const EXIT_WRONG_ARGUMENTS = 2;

function main(args: string[]): void {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: { name: text, scopes: text, expires: text, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (values.name === undefined || values.scopes === undefined) {
    throw new Error('--name and --scopes are needed');
  }
  // Whether these are scopes is for the reader of entries to say, which the new one goes through.
  const scopes = values.scopes.split(',').map((scope) => scope.trim()) as Scope[];
  const { key, entry } = makeApiKey(values.name, scopes, values.expires);
  process.stderr.write('The key, which is not kept anywhere (header X-API-Key):\n');
  process.stdout.write(`${key}\n`);
  process.stderr.write('\nThe entry for the list of keys:\n');
  process.stdout.write(`${JSON.stringify(entry)}\n`);
}

try {
  main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Error)) throw error;
  const message =
    error instanceof WrongApiKeys
      ? error.message.replaceAll('[0].', '--').replace('--expires_at', '--expires')
      : error.message;
  process.stderr.write(`${message}\nSee npm run api-key -- --help.\n`);
  endProcess(EXIT_WRONG_ARGUMENTS);
}
