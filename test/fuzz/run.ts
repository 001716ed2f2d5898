import { killAll } from '../faults/world/processes.ts';
import { Fuzzing, type FuzzResult, MEMORY_TOLERANCE_MB } from './campaign.ts';
import { runCommand, say } from '../support/command-line.ts';
import { commandOf, HELP, readOptions } from './options.ts';
import { World } from './world.ts';

const EXIT_FOUND = 1;

function tell({ requests, seconds, findings, answers, slowestMs, memory, costs }: FuzzResult): void {
  say(`\n${requests} requests in ${seconds} s, the slowest answer after ${slowestMs} ms`);
  for (const [operation, counts] of answers) {
    const statuses = [...counts].toSorted(([one], [other]) => one.localeCompare(other));
    say(`  ${operation.padEnd(24)} ${statuses.map(([status, count]) => `${status}: ${count}`).join('  ')}`);
  }
  say('the most expensive request of each operation: processor time, response, stored');
  for (const { operation, cpuMs, answerBytes, storedBytes } of costs) {
    say(`  ${operation.padEnd(24)} ${cpuMs} ms  ${answerBytes} B  ${storedBytes} B`);
  }
  if (memory) {
    say(
      `memory: ${memory.before} MB after the warm-up, ${memory.after} MB at the end (at most ${MEMORY_TOLERANCE_MB} MB more)`,
    );
  }
  for (const { what, count, examples } of findings) say(`\n${count} × ${what}\n  ${examples.join('\n  ')}`);
  say(findings.length === 0 ? 'nothing found' : `\n${findings.length} kinds of findings`);
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env['TEST_DATABASE_URL']);
  if (!options) {
    process.stdout.write(HELP);
    return;
  }
  say(commandOf(options));
  const world = await World.start(options);
  try {
    const result = await new Fuzzing(world, options, say).run();
    tell(result);
    process.exitCode = result.findings.length === 0 ? 0 : EXIT_FOUND;
  } finally {
    await world.close();
  }
}

await runCommand(main, killAll);
