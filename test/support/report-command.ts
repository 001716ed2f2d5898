import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface CommandOutput {
  code: number | null;
  out: string;
  err: string;
}

/** Runs a built command such as `drift` or `reconcile` in a process, with these settings only. */
export function runReport(
  name: string,
  args: string[],
  settings: Record<string, string>,
): Promise<CommandOutput> {
  const command = fileURLToPath(new URL(`../../dist/${name}.js`, import.meta.url));
  const env = { PATH: process.env['PATH'], ...settings };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [command, ...args], { env }, (_error, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    );
  });
}
