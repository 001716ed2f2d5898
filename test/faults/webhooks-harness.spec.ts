import { describe, expect, it } from '@jest/globals';
import { type Break, breakBuild } from '../support/broken-build.js';
import { type CampaignEnd, runCampaignProcess } from '../support/campaign-process.js';

/** A campaign of this size takes 20 s; on a busy machine several times that. */
const TIMEOUT_MS = 360_000;

/** Short campaigns with fixed seeds; each broken promise shows in one of them. */
const CAMPAIGNS = {
  receivers: '--seed 11 --orders 60 --faults receivers --instances 2 --inventory per-product',
  dispatcher:
    '--seed 9 --orders 30 --faults none --instances 1 --inventory per-product --points webhook.inside-dispatch,webhook.inside-dispatch',
};

type CampaignName = keyof typeof CAMPAIGNS;

const DISPATCH = 'webhooks/dispatch/dispatch.repository.js';

const BREAKS: [promise: string, what: string, campaign: CampaignName, ...changes: Break[]][] = [
  [
    'P1',
    'the dispatcher moves the cursors of endpoints before it inserts the tasks',
    'dispatcher',
    // The moment has one pause point, so that both kills come before the insert.
    { file: DISPATCH, from: "await reachPausePoint('webhook.inside-dispatch');", to: '' },
    {
      file: DISPATCH,
      from: 'prepared.push(await this.tasks.insertLeased(transaction, tasks));',
      to: 'this.late = tasks;',
    },
    {
      file: DISPATCH,
      from: 'return batch;',
      to: `const late = this.late ?? [];
            this.late = undefined;
            if (late.length > 0) await reachPausePoint('webhook.inside-dispatch');
            if (late.length > 0) (await this.tasks.insertLeased(this.dataSource, late)).start();
            return batch;`,
    },
  ],
  [
    'P1',
    'an answer with the status 500 counts as delivered',
    'receivers',
    { file: 'webhooks/delivery/webhook-client.js', from: 'status < 300', to: 'status <= 500' },
  ],
  [
    'P5',
    'the signature is that of another body',
    'receivers',
    {
      file: 'webhooks/delivery/signature.js',
      from: '`${id}.${timestamp}.${body}`',
      to: '`${id}.${timestamp}.${body} `',
    },
  ],
  [
    'P5',
    'a delivery names an event before it that the endpoint did not ask for',
    'receivers',
    {
      file: DISPATCH,
      from: 'const type = feedTypeOf(event);',
      to: `const type = feedTypeOf(event);
           for (const { types } of queues.filter((queue) => queue.types?.has(type) === false))
             queues.find((queue) => queue.types === types).lastMatched = feedNo;`,
    },
  ],
  [
    'erased',
    'an erasure leaves what receivers have answered',
    'receivers',
    {
      file: 'operations/personal-data/personal-data.repository.js',
      from: 'SET answer = NULL, error = NULL',
      to: 'SET answer = answer',
    },
  ],
  [
    'erased',
    'the answer of a receiver is recorded although the order was erased after it was sent',
    'receivers',
    {
      file: 'webhooks/delivery/delivery.repository.js',
      from: "e.type = 'personal_data_erased'",
      to: 'false',
    },
  ],
];

const attack = (campaign: CampaignName, ...more: string[]): Promise<CampaignEnd> =>
  runCampaignProcess([...CAMPAIGNS[campaign].split(' '), ...more]);

describe('fault campaign with receivers of webhooks', () => {
  it.concurrent.each(['receivers', 'dispatcher'] as const)(
    'finds no broken promise: %s',
    async (campaign) => {
      const { report, exitCode } = await attack(campaign);
      expect(report.messages).toEqual([]);
      expect(exitCode).toBe(0);
    },
    TIMEOUT_MS,
  );

  // Most of the time these campaigns wait for open work that never ends, so they run concurrently.
  it.concurrent.each(BREAKS)(
    'reports the broken promise %s: %s',
    async (promise, _what, campaign, ...changes) => {
      const broken = await breakBuild(changes);
      try {
        const { report, exitCode } = await attack(campaign, '--dist', broken.dist, '--rest-seconds', '20');
        expect(report.violations[promise]).toBeGreaterThan(0);
        expect(exitCode).toBe(1);
      } finally {
        await broken.remove();
      }
    },
    TIMEOUT_MS,
  );
});
