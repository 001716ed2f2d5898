// Says what is missing for an npm script, and what to do. Usage: node scripts/preflight.mjs tools|build
// Plain JavaScript without dependencies: it has to work where nothing is installed, on any Node.js.
import { existsSync } from 'node:fs';

const TOOLS = ['vite', 'typescript', 'node'];

const isThere = (path) => existsSync(new URL(`../${path}`, import.meta.url));

function findProblem(needed) {
  if (!isThere('node_modules/@nestjs/core')) return 'The dependencies are not installed. Run `npm ci`.';
  if (needed === 'build') {
    return isThere('dist/main.js') ? undefined : 'There is no build yet (dist/main.js). Run `npm run build`.';
  }
  const missing = TOOLS.filter((name) => !isThere(`node_modules/${name}`));
  if (missing.length === 0) return undefined;
  return (
    `The tools for the build are not installed (${missing.join(', ')}). Run \`npm ci --include=dev\`: without ` +
    '`--include=dev` npm leaves them out where NODE_ENV=production. ' +
    'To start a finished build (the folder dist) without them, run `npm run start:prod`.'
  );
}

const problem = findProblem(process.argv[2]);
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}
