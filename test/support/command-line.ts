import { parseArgs, type ParseArgsConfig } from 'node:util';
import { endProcess } from '../../src/platform/end-process.ts';

const EXIT_FAULT = 1;
const EXIT_WRONG_OPTIONS = 2;
const EXIT_INTERRUPTED = 130;

/** Equal signals within this time are one signal that arrived twice. */
const SAME_SIGNAL_MS = 500;

/** Invalid command line; the message names the problem. */
export class WrongOptions extends Error {}

/** Reads the options of a command. @throws {WrongOptions} */
export function parseOptions<Options extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  options: Options,
) {
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new WrongOptions(error instanceof Error ? error.message : String(error));
  }
}

/** An integer from an option, or a default. @throws {WrongOptions} */
export function readWhole(
  text: string | undefined,
  name: string,
  otherwise: number,
  max: number,
  min = 1,
): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new WrongOptions(`--${name} must be an integer from ${min} to ${max}, not "${text}"`);
  }
  return value;
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/**
 * Runs a command, and prints its error.
 *
 * @param cleanUp is called at any end of the command, and awaited after an interruption; it is called again when the
 * process exits, for its synchronous part
 */
export async function runCommand(
  command: () => Promise<void>,
  cleanUp: () => void | Promise<void> = () => {},
): Promise<void> {
  process.on('exit', () => void cleanUp());
  let interruptedAt: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      // A terminal and npm both forward the same signal; a second signal later means that the user does not want to
      // wait.
      if (interruptedAt !== undefined && Date.now() - interruptedAt < SAME_SIGNAL_MS) return;
      if (interruptedAt !== undefined) process.exit(EXIT_INTERRUPTED);
      interruptedAt = Date.now();
      void Promise.resolve(cleanUp()).finally(() => process.exit(EXIT_INTERRUPTED));
    });
  try {
    await command();
  } catch (error) {
    // Errors after an interruption only show that the processes were stopped.
    if (interruptedAt !== undefined) return;
    const isWrong = error instanceof WrongOptions;
    const text = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${isWrong ? `${error.message}\nSee --help.` : text}\n`);
    await cleanUp();
    endProcess(isWrong ? EXIT_WRONG_OPTIONS : EXIT_FAULT);
  }
}
