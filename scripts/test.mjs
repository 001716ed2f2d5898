/**
 * Runs the tests with jest: `quick` the quick ones, `slow` and `alone` the others, `all` every one. Names of files select
 * from all. Slow are files named `*.slow.spec.ts`, and all that drive a browser, inject faults or fuzz.
 */
import { run } from 'jest';

const SLOW = String.raw`(\.slow|/test/(browser|faults|fuzz)/.*)\.spec\.ts$`;

/** Slow files with limits on time that another file beside them could break, or with load of their own on each processor. */
const ALONE =
  String.raw`(/test/(faults|fuzz)/.*|/(circuit-breaker|concurrency|failover|fair-shares|inventory|locked-database` +
  String.raw`|personal-data-races|placement-faults|place-order-saga|rate-limit|respond-async|shopping-carts` +
  String.raw`|slow-clients|slow-notifications|start-faults|stream-orders|task-backlog)\.slow)\.spec\.ts$`;

const SELECTIONS = {
  quick: ['--testPathIgnorePatterns', SLOW],
  slow: ['--testRegex', SLOW, '--testPathIgnorePatterns', ALONE],
  alone: ['--testRegex', ALONE],
  all: [],
};

process.env.NODE_ENV ??= 'test';
const [tier, ...rest] = process.argv.slice(2);
const hasNames = rest.some((argument) => !argument.startsWith('-'));
// Names may select files that have to run alone. One worker leaves half of two processors idle.
const workers = ['quick', 'slow'].includes(tier) && !hasNames ? '100%' : '1';
// An option follows the selection, because it takes a list.
await run([...(hasNames ? [] : SELECTIONS[tier]), `--maxWorkers=${workers}`, ...rest]);
