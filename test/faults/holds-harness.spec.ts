import { describe, expect, it } from '@jest/globals';
import { type Break, breakBuild } from '../support/broken-build.js';
import { type CampaignEnd, runCampaignProcess } from '../support/campaign-process.js';

/** A campaign of this size takes 20 s; on a busy machine several times that. */
const TIMEOUT_MS = 360_000;

/** Some defects show only where requests meet in the same moment, which no seed decides. */
const MAX_CAMPAIGNS = 3;

/** Enough holds to see each of these defects several times. */
const CAMPAIGN = '--seed 3 --orders 150 --faults none --instances 1 --inventory per-product'.split(' ');

const EXPIRY = 'orders/holds/hold-expiry.js';
const LATE = 'orders/holds/late-confirmation.js';
const GENERATIONS = 'orders/holds/late-confirmation.repository.js';

const BREAKS: [promise: string, what: string, ...changes: Break[]][] = [
  [
    'P1',
    'an expiry does not compare the version, and extensions and payments come between',
    {
      file: EXPIRY,
      from: 'if (await this.write(order, lease))',
      to: `await new Promise((resolve) => setTimeout(resolve, 800));
           const current = await this.orders.findOrder(lease.orderId);
           if (current?.status !== 'reserved') return;
           if (await this.write({ ...order, version: current.version }, lease))`,
    },
  ],
  [
    'P2',
    'a late confirmation reserves under the keys of the released generation',
    {
      file: GENERATIONS,
      from: 'const stockGeneration = order.stockGeneration + 1;',
      to: 'const stockGeneration = order.stockGeneration;',
    },
  ],
  [
    'P3',
    'a late confirmation does not wait for the release of the expired hold',
    { file: LATE, from: "reservation === 'released'", to: 'true' },
    { file: 'orders/place-order/stock-release.js', from: ' || order.isReservingAgain', to: '' },
    {
      // Slow enough for the confirmation to come first: clients look for the end about once a second.
      file: 'orders/place-order/stock-release.js',
      from: 'async release(lease, deadline) {',
      to: 'async release(lease, deadline) { await new Promise((resolve) => setTimeout(resolve, 4_000));',
    },
  ],
  [
    'P1',
    'a late confirmation does not record its payment',
    {
      file: 'orders/holds/late-confirmations.js',
      from: 'const isBegun = report',
      to: 'const isBegun = false',
    },
  ],
];

function attack(...more: string[]): Promise<CampaignEnd> {
  return runCampaignProcess([...CAMPAIGN, ...more]);
}

describe('fault campaign on holds with a defect', () => {
  // Most of the time these campaigns wait, so they run concurrently.
  it.concurrent.each(BREAKS)(
    'reports the broken promise %s: %s',
    async (promise, _what, ...changes) => {
      const broken = await breakBuild(changes);
      try {
        const more = ['--dist', broken.dist, '--rest-seconds', '8', '--patience-seconds', '10'];
        let end = await attack(...more);
        for (let again = 1; again < MAX_CAMPAIGNS && !end.report.violations[promise]; again += 1)
          end = await attack(...more);
        expect(end.report.violations[promise]).toBeGreaterThan(0);
        expect(end.exitCode).toBe(1);
      } finally {
        await broken.remove();
      }
    },
    TIMEOUT_MS,
  );
});
