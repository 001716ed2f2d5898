import { PAUSE_POINTS } from '../../src/platform/pause-points.ts';
import { runCampaign } from './campaign/campaign.ts';
import { commandOf, HELP, readOptions, WrongOptions } from './campaign/options.ts';
import { report } from './campaign/report.ts';
import { killAll } from './world/processes.ts';

const EXIT_BROKEN = 1;
const EXIT_WRONG_OPTIONS = 2;
const EXIT_INTERRUPTED = 130;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), PAUSE_POINTS, process.env['TEST_DATABASE_URL']);
  if (!options) {
    process.stdout.write(HELP);
    return;
  }
  say(commandOf(options));
  const isKept = await report(await runCampaign(options, say), say);
  // Whatever timers are left, all is said and everything has been stopped.
  process.exit(isKept ? 0 : EXIT_BROKEN);
}

process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => process.exit(EXIT_INTERRUPTED));

try {
  await main();
} catch (error) {
  const isWrong = error instanceof WrongOptions;
  process.stderr.write(
    `${isWrong ? `${error.message}\nSee --help.` : error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exit(isWrong ? EXIT_WRONG_OPTIONS : EXIT_BROKEN);
}
