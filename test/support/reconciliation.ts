import { Readable } from 'node:stream';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../../src/app.module.js';
import { loadSettings } from '../../src/config/load-settings.js';
import { readKnownOrders } from '../../src/operations/reconcile/known-orders.js';
import {
  hasOpenFindings,
  renderFindings,
  renderFindingsJson,
} from '../../src/operations/reconcile/reconcile-text.js';
import { Reconciliation } from '../../src/operations/reconcile/reconciliation.js';

const onProgress = (): void => undefined;

/**
 * Runs `npm run reconcile` in this process.
 *
 * @param lines of the file that names the known orders
 */
export async function reconcileHere(
  settings: Record<string, string>,
  { lines, apply = false }: { lines?: string[]; apply?: boolean },
) {
  const known = lines && (await readKnownOrders(Readable.from(lines)));
  const module = AppModule.forReports(loadSettings(settings));
  const app = await NestFactory.createApplicationContext(module, { logger: false });
  try {
    const reconciliation = app.get(Reconciliation, { strict: false });
    const findings = await reconciliation.run({ apply, ...(known && { known }), onProgress });
    return {
      isOpen: hasOpenFindings(findings),
      text: renderFindings(findings, known !== undefined),
      json: JSON.parse(renderFindingsJson(findings)),
    };
  } finally {
    await app.close();
  }
}
