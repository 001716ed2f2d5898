import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { SettingsError } from '../config/load-settings.js';
import { Settings } from '../config/settings.js';
import { BackgroundLoops } from '../platform/background-loops.js';
import type { Caller } from './access.js';
import { PeriodicTask } from '../platform/periodic-task.js';
import { type ApiKey, findApiKey, parseApiKeys, WrongApiKeys } from './api-key.js';
import { RefusedCredentials } from './auth.problems.js';

/** How soon an added or removed key takes effect. */
export const RELOAD_INTERVAL_MS = 5_000;

/** The keys of admin tools and services, from the setting or from a file that is read again when it has changed. */
@Injectable()
export class ApiKeys implements OnModuleDestroy {
  private readonly logger = new Logger(ApiKeys.name);
  private keys: readonly ApiKey[] = [];
  private text = '';
  private complaint = '';
  private reloads: PeriodicTask | undefined;

  /** @throws {SettingsError} */
  constructor(settings: Settings, loops: BackgroundLoops) {
    if (!settings.AUTH.includes('api-key')) return;
    const { API_KEYS, API_KEYS_FILE: file } = settings;
    this.text = file === undefined ? (API_KEYS ?? '') : readFileSync(file, 'utf8');
    try {
      this.keys = parseApiKeys(this.text);
    } catch (error) {
      if (!(error instanceof WrongApiKeys)) throw error;
      throw new SettingsError([`${file === undefined ? 'API_KEYS' : 'API_KEYS_FILE'}: ${error.message}`]);
    }
    if (file !== undefined) this.watch(file, loops);
  }

  onModuleDestroy(): void {
    this.reloads?.stop();
  }

  /** @throws {RefusedCredentials} when the key is unknown or its time is over */
  callerOf(presented: string): Caller {
    const key = findApiKey(this.keys, presented);
    if (!key) throw new RefusedCredentials('invalid_key', 'The key is not known');
    if (key.expiresAt <= Date.now()) throw new RefusedCredentials('invalid_key', 'The key has expired');
    return { id: `key:${key.name}`, scopes: key.scopes, customerId: null };
  }

  /** Reads the file again and again: hosts that hand out secrets replace it in ways that no watcher sees everywhere. */
  private watch(file: string, loops: BackgroundLoops): void {
    const loop = loops.add('api_keys', { pauseMs: RELOAD_INTERVAL_MS });
    this.reloads = new PeriodicTask(() => this.reload(file), RELOAD_INTERVAL_MS, loop);
    this.reloads.start();
  }

  /** @returns true also for a file that can't be used: the instance stays ready with the keys that it has */
  private async reload(file: string): Promise<boolean> {
    try {
      const text = await readFile(file, 'utf8');
      if (text !== this.text) {
        this.keys = parseApiKeys(text);
        this.text = text;
        this.logger.log(`The API keys were reloaded: ${this.keys.length} of them`);
      }
      this.complaint = '';
    } catch (error) {
      // The previous keys stay valid: a half-written file should not lock out every client.
      const complaint = error instanceof Error ? error.message : String(error);
      if (complaint !== this.complaint) this.logger.error(`The API keys stay as they were: ${complaint}`);
      this.complaint = complaint;
    }
    return true;
  }
}
