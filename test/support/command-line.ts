import { parseArgs, type ParseArgsConfig } from 'node:util';

const EXIT_FAULT = 1;
const EXIT_WRONG_OPTIONS = 2;
const EXIT_INTERRUPTED = 130;

/** What was typed can't be meant; the message says what is wrong. */
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

/** A whole number from an option, or another one where it is not given. @throws {WrongOptions} */
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
 * Runs a command, and tells its user of what went wrong.
 *
 * @param cleanUp is called at the end, however it comes
 */
export async function runCommand(
  command: () => Promise<void>,
  cleanUp: () => void = () => {},
): Promise<void> {
  process.on('exit', cleanUp);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(EXIT_INTERRUPTED));
  try {
    await command();
  } catch (error) {
    const isWrong = error instanceof WrongOptions;
    const text = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${isWrong ? `${error.message}\nSee --help.` : text}\n`);
    process.exit(isWrong ? EXIT_WRONG_OPTIONS : EXIT_FAULT);
  }
}
