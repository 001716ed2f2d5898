import { describe, expect, it } from '@jest/globals';
import { PAUSE_POINTS } from '../../src/pause-points/pause-points.js';
import { runCampaignProcess } from '../support/campaign-process.js';

/** Half a minute of restarts, the same again until tasks of killed processes expire, and a busy machine. */
const TIMEOUT_MS = 480_000;

const CATALOG = PAUSE_POINTS.filter((point) => point.startsWith('catalog.'));

/** Pause points that exist only with a non-idempotent inventory. */
const PLAIN = ['release.claimed'] as const;

const OTHERS = PAUSE_POINTS.filter((point) => ![...CATALOG, ...PLAIN].includes(point));

/** The points of placing an order, those of holds that are paid or end, and those of everything later. */
const {
  placing = [],
  paying = [],
  later = [],
} = Object.groupBy(OTHERS, (point) => {
  if (/^(placement|recovery|inventory)\./.test(point)) return 'placing';
  return /^(payment|confirmation|expiry|late-confirmation)\./.test(point) ? 'paying' : 'later';
});

/** Steps at which the inventories differ: the units are released by an expiry, and reserved again by a late payment. */
const HOLD_STEPS = [
  'confirmation.inside-change',
  'expiry.inside-change',
  'expiry.after-change',
  'late-confirmation.after-begin',
  'late-confirmation.before-change',
  'late-confirmation.inside-change',
] as const;

/** Each inventory with the points at which the service is killed, once each. The longest begin. */
const CAMPAIGNS: [inventory: string, when: string, points: readonly string[]][] = [
  ['per-product', 'while it places orders', placing],
  ['per-product', 'after that', later],
  ['per-product', 'while holds are paid and end', paying],
  ['catalog', 'at the points of the catalog', CATALOG],
  [
    'plain',
    'at points of each kind',
    [
      ...PLAIN,
      'placement.after-price',
      'inventory.before-reserve',
      'inventory.after-reserve',
      'inventory.after-release',
      'release.before-record',
    ],
  ],
  [
    'reservations',
    'at its calls',
    ['inventory.after-reserve', 'inventory.after-release', 'late-confirmation.before-change'],
  ],
  ['plain', 'while holds are paid and end', [...HOLD_STEPS, 'late-confirmation.inside-give-back']],
  ['catalog', 'while holds are paid and end', HOLD_STEPS],
];

describe('service killed at its pause points', () => {
  // Much of the time these campaigns wait for leases to expire, so they run concurrently.
  it.concurrent.each(CAMPAIGNS)(
    'keeps its promises with the inventory %s: killed %s',
    async (inventory, _when, points) => {
      const options = ['--seed', '7', '--orders', '60', '--faults', 'none', '--clients', '12'];
      options.push('--inventory', inventory, '--points', points.join(','));
      const { report, exitCode, output } = await runCampaignProcess(options);
      // The output explains a broken promise; it is printed only then.
      if (exitCode !== 0) process.stderr.write(output);
      expect(report.messages).toEqual([]);
      expect(exitCode).toBe(0);
      const killedAt = Object.keys(report.injected).filter((name) => name.startsWith('SIGKILL'));
      expect(killedAt.toSorted()).toEqual(points.map((point) => `SIGKILL at ${point}`).toSorted());
      expect(report.placed).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it('is killed at every pause point of the code', () => {
    const killedAt = new Set(CAMPAIGNS.flatMap(([, , points]) => points));
    expect([...killedAt].toSorted()).toEqual([...PAUSE_POINTS].toSorted());
  });
});
