/**
 * Runs the tests with jest: `quick` the quick ones, `slow` the others, `all` both. Names of files select from all.
 * Slow are files named `*.slow.spec.ts`, and all that drive a browser, inject faults or fuzz.
 */
import { run } from 'jest';

const SLOW = String.raw`(\.slow|/test/(browser|faults|fuzz)/.*)\.spec\.ts$`;

const SELECTIONS = {
  quick: ['--testPathIgnorePatterns', SLOW],
  slow: ['--testRegex', SLOW],
  all: [],
};

process.env.NODE_ENV ??= 'test';
const [tier, ...rest] = process.argv.slice(2);
const hasNames = rest.some((argument) => !argument.startsWith('-'));
// Slow files start many processes and have limits on time, so they run alone, also where names select them. One worker leaves half of two processors idle.
const workers = tier === 'quick' && !hasNames ? '100%' : '1';
// An option follows the selection, because it takes a list.
await run([...(hasNames ? [] : SELECTIONS[tier]), `--maxWorkers=${workers}`, ...rest]);
