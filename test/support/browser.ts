import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { it } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';

/** As root the sandbox of the browser can't work, and no test of this service needs anything from the internet. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The first browser that there is; undefined where none is installed. */
function findBrowser(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const given = process.env['CHROMIUM_PATH'];
  const places = [
    ...(given ? [given] : []),
    '/usr/bin/chromium',
    ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))),
  ];
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const installed = findBrowser();

/** A test that needs a browser; skipped, which is said once in a file, where none is installed. */
export const itInBrowser = installed === undefined ? it.skip : it;

/** @param purpose what is not tested without a browser. @returns undefined where none is installed */
export async function startBrowser(purpose: string): Promise<Browser | undefined> {
  if (installed === undefined) {
    process.stderr.write(`SKIPPED: no Chromium is installed, so ${purpose}\n`);
    return undefined;
  }
  // Without a profile there is nothing of the user's browser to be seen or changed.
  return chromium.launch({ executablePath: installed, headless: true, args: ARGUMENTS });
}

/** Collects what the browser objects to, of its own accord or on behalf of the page, such as what a policy forbids. */
export function collectComplaints(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${message.text()} at ${message.location().url}`);
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => {
    // What the page itself does not want any more, such as the answer to half a word that was searched for.
    const isUnwanted = request.failure()?.errorText === 'net::ERR_ABORTED';
    if (!isUnwanted) complaints.push(`${request.url()} could not be loaded`);
  });
  return complaints;
}
