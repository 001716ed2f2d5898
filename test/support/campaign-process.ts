import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SERVER_VARIABLE } from './database.js';

const RUN = fileURLToPath(new URL('../faults/run.ts', import.meta.url));

/** The JSON that `npm run faults` writes with `--report`; see test/faults/campaign/report.ts. */
export interface CampaignReport {
  orders: number;
  placed: number;
  statuses: Record<string, number>;
  paidWithoutStock: number;
  kills: number;
  injected: Record<string, number>;
  reached: string[];
  violations: Record<string, number>;
  messages: string[];
}

export interface CampaignEnd {
  exitCode: number | null;
  report: CampaignReport;
  output: string;
}

/** Runs a campaign in a separate process, as its users do, on the database server of the test run. */
export async function runCampaignProcess(args: string[]): Promise<CampaignEnd> {
  const folder = await mkdtemp(join(tmpdir(), 'order-faults-report-'));
  const file = join(folder, 'report.json');
  try {
    const child = spawn(process.execPath, [RUN, ...args, '--report', file], {
      env: { PATH: process.env['PATH'], TEST_DATABASE_URL: process.env[SERVER_VARIABLE] },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await once(child, 'close');
    const text = await readFile(file, 'utf8').catch(() => {
      throw new Error(`the campaign has ended without a report:\n${output}`);
    });
    return { exitCode: child.exitCode, report: JSON.parse(text) as CampaignReport, output };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
