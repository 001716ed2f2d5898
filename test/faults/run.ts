import { endProcess } from '../../src/platform/end-process.ts';
import { PAUSE_POINTS } from '../../src/pause-points/pause-points.ts';
import { runCampaign } from './campaign/campaign.ts';
import { runCommand, say } from '../support/command-line.ts';
import { commandOf, HELP, readOptions } from './campaign/options.ts';
import { report } from './campaign/report.ts';
import { killAll } from './world/processes.ts';

const EXIT_BROKEN = 1;

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), PAUSE_POINTS, process.env['TEST_DATABASE_URL']);
  if (!options) {
    process.stdout.write(HELP);
    return;
  }
  say(commandOf(options));
  const isKept = await report(await runCampaign(options, say), say);
  // Exits without waiting for remaining timers: everything has been stopped.
  endProcess(isKept ? 0 : EXIT_BROKEN);
}

await runCommand(main, killAll);
