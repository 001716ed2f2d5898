import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.js';

const EXAMPLES = fileURLToPath(new URL('../../../examples/webhook-receivers/', import.meta.url));

const START_TIMEOUT_MS = 20_000;

export type Language = 'TypeScript' | 'Python';

/** Kills the receiver when it is about to answer: after its commit. */
const DIES_IN_NODE = `data:text/javascript,${encodeURIComponent(
  `import { ServerResponse } from 'node:http';
   ServerResponse.prototype.end = () => process.kill(process.pid, 'SIGKILL');`,
)}`;
const DIES_IN_PYTHON = `
import http.server, os, runpy, signal
http.server.BaseHTTPRequestHandler.send_response = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
runpy.run_path(${JSON.stringify(join(EXAMPLES, 'receiver.py'))}, run_name='__main__')
`;

function commandOf(language: Language, diesBeforeAnswer: boolean): [program: string, ...args: string[]] {
  if (language === 'Python') {
    return ['python3', ...(diesBeforeAnswer ? ['-c', DIES_IN_PYTHON] : [join(EXAMPLES, 'receiver.py')])];
  }
  const hook = diesBeforeAnswer ? ['--import', DIES_IN_NODE] : [];
  return [process.execPath, '--no-warnings', ...hook, join(EXAMPLES, 'receiver.ts')];
}

export function isInstalled(language: Language): boolean {
  return language === 'TypeScript' || spawnSync('python3', ['--version']).status === 0;
}

/** An event that a receiver has handled. */
export interface Received {
  id: string;
  feed_no: number;
}

/** A receiver of `examples/webhook-receivers`. Its database outlives its processes. */
export class TestReceiver {
  private readonly folder = mkdtempSync(join(tmpdir(), 'receiver-'));
  private process: ChildProcess | undefined;
  /** What all of its processes have printed. */
  output = '';

  private constructor(
    private readonly language: Language,
    readonly port: number,
  ) {}

  static async create(language: Language): Promise<TestReceiver> {
    return new TestReceiver(language, await freePort());
  }

  async start(settings: Record<string, string>, diesBeforeAnswer = false): Promise<void> {
    const [program, ...args] = commandOf(this.language, diesBeforeAnswer);
    const known = this.output.length;
    const child = spawn(program, args, {
      env: { PATH: process.env['PATH'], ...settings, PORT: String(this.port), DATABASE: this.database },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
    const giveUpAt = Date.now() + START_TIMEOUT_MS;
    while (!this.output.slice(known).includes('listening')) {
      if (hasEnded(child) || Date.now() > giveUpAt) throw new Error(`no receiver:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until the process was killed. @returns the signal */
  async untilKilled(): Promise<NodeJS.Signals | null> {
    if (!this.process) throw new Error('the receiver was not started');
    if (!hasEnded(this.process)) await once(this.process, 'exit');
    return this.process.signalCode;
  }

  async close(): Promise<void> {
    if (this.process && !hasEnded(this.process)) {
      this.process.kill('SIGKILL');
      await this.untilKilled();
    }
    rmSync(this.folder, { recursive: true });
  }

  /** The handled events, in the order in which they were handled. */
  received(): Received[] {
    return this.query('SELECT id, feed_no FROM received ORDER BY rowid') as unknown as Received[];
  }

  /** The orders for which the work was done, as often as it was. */
  packed(): string[] {
    return this.query('SELECT order_id FROM outbox ORDER BY rowid').map((row) => String(row['order_id']));
  }

  private query(sql: string): Record<string, unknown>[] {
    const database = new DatabaseSync(this.database, { timeout: 10_000 });
    try {
      return database.prepare(sql).all();
    } finally {
      database.close();
    }
  }

  private get database(): string {
    return join(this.folder, 'receiver.db');
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
