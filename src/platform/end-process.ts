/** Grace period of handles that are still open after the last step (an idle connection, a timer). */
const FORCE_AFTER_MS = 1_000;

/**
 * Ends the process as soon as it has nothing left to do, and by force after a second.
 *
 * On Node 24, `process.exit()` right after the start has been seen not to end the process (3 of 107 refused starts; its cause
 * is not known). An event loop that runs empty does without that call.
 */
export function endProcess(exitCode: number): void {
  process.exitCode = exitCode;
  setTimeout(() => process.exit(), FORCE_AFTER_MS).unref();
}
