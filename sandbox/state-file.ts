import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCode, messageOf } from './input.ts';

/** Changes are collected for this long before the file is written. */
const DEBOUNCE_MS = 100;

/** After a write that took long there is a pause of this many times its duration, so that serving comes first. */
const PAUSE_FACTOR = 10;

/**
 * A JSON file that follows a state.
 *
 * It is replaced as a whole by renaming, so a reader and the next start never see half of it. A process that is
 * killed loses the last moments before; one that is closed loses nothing.
 */
export class StateFile {
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #started = false;
  #dirty = false;
  #pauseMs = DEBOUNCE_MS;

  private readonly path: string;
  private readonly collect: () => unknown;
  private readonly log: (message: string) => void;

  /**
   * @param collect the state, as an object that can be written as JSON
   * @param log called when a write fails; the sandbox continues without the file
   */
  constructor(path: string, collect: () => unknown, log: (message: string) => void) {
    this.path = path;
    this.collect = collect;
    this.log = log;
  }

  /** @returns the file's content, or undefined where there is no such file. @throws when it isn't JSON */
  read(): unknown {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
    return JSON.parse(text);
  }

  /**
   * Gives a file that can't be used another name, so that nothing is lost.
   *
   * @throws when that fails too: then there is something else at fault than the file's content
   */
  async setAside(reason: string): Promise<void> {
    const aside = `${this.path}.broken-${Date.now()}`;
    try {
      await rename(this.path, aside);
    } catch (error) {
      throw new Error(`The state file ${this.path} can't be used: ${reason}`, { cause: error });
    }
    this.log(`The sandbox starts afresh: its state file is unusable (${reason}) and now called ${aside}`);
  }

  /** Begins to follow the state. Until then nothing is written, so a start that fails leaves the file alone. */
  start(): void {
    this.#started = true;
    this.touch();
  }

  /** Notes that the state has changed. */
  touch(): void {
    if (!this.#started) return;
    this.#dirty = true;
    this.#timer ??= setTimeout(() => void this.flush(), this.#pauseMs);
  }

  /** Writes what has changed and waits until it is on the disk. */
  async flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    // One write at a time: two would race for the same temporary file.
    while (this.#writing) await this.#writing;
    if (!this.#dirty) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = null;
    });
    await this.#writing;
  }

  async #write(): Promise<void> {
    this.#dirty = false;
    const startedAt = performance.now();
    const temporary = `${this.path}.tmp`;
    try {
      const text = JSON.stringify(this.collect());
      await mkdir(dirname(this.path), { recursive: true });
      await writeFile(temporary, text, { flush: true });
      await rename(temporary, this.path);
    } catch (error) {
      this.log(`The sandbox could not write ${this.path}: ${messageOf(error)}`);
    }
    this.#pauseMs = Math.max(DEBOUNCE_MS, PAUSE_FACTOR * (performance.now() - startedAt));
  }
}
