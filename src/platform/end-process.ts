/** What is still open after the last step (an idle connection, a timer) may keep the process alive for this long. */
const FORCE_AFTER_MS = 1_000;

/**
 * Ends the process as soon as it has nothing left to do, and by force after a second.
 *
 * `process.exit()` right after the start can hang for ever: it waits for V8's background threads, which may be compiling
 * the WebAssembly of a dependency and wait for the main thread. An event loop that runs empty finishes that work first.
 */
export function endProcess(exitCode: number): void {
  process.exitCode = exitCode;
  setTimeout(() => process.exit(), FORCE_AFTER_MS).unref();
}
