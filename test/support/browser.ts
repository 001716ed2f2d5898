import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { it } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';

/** The sandbox of the browser does not work as root, and the tests need nothing from the internet. */
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

/** The first installed browser; undefined without one. */
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

/** A test that needs a browser; skipped with one message per file when none is installed. */
export const itInBrowser = installed === undefined ? it.skip : it;

/**
 * @param purpose what is not tested without a browser
 * @returns undefined when none is installed
 */
export async function startBrowser(purpose: string): Promise<Browser | undefined> {
  if (installed === undefined) {
    process.stderr.write(`SKIPPED: no Chromium is installed, so ${purpose}\n`);
    return undefined;
  }
  // A fresh profile neither reads nor changes the user's browser data.
  return chromium.launch({ executablePath: installed, headless: true, args: ARGUMENTS });
}

/** Collects errors of the browser, its own and those that it reports for the page, such as policy violations. */
export function collectComplaints(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${message.text()} at ${message.location().url}`);
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => {
    // Requests that the page itself cancelled, such as a search for a word that was not complete.
    const isUnwanted = request.failure()?.errorText === 'net::ERR_ABORTED';
    if (!isUnwanted) complaints.push(`${request.url()} could not be loaded`);
  });
  return complaints;
}
