import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../../config/settings.js';
import { type Tracer, useTracer } from './tracer.js';

/** Time limit of the last export at shutdown; a collector that does not answer loses the rest. */
const LAST_SENDING_MS = 3_000;

/**
 * Starts tracing if the variables of OpenTelemetry ask for it. Otherwise its packages are not loaded, which saves a
 * tenth of a second and memory.
 *
 * @returns a function that exports the rest and ends it
 */
export async function startTracing(settings: Settings): Promise<() => Promise<void>> {
  if (!isWanted(settings)) return async () => undefined;
  const { OpenTelemetry } = await import('./opentelemetry.js');
  const tracer: Tracer = new OpenTelemetry(settings);
  useTracer(tracer);
  return async () => {
    useTracer(undefined);
    await Promise.race([tracer.stop(), sleep(LAST_SENDING_MS, undefined, { ref: false })]);
  };
}

function isWanted(settings: Settings): boolean {
  if (settings.OTEL_SDK_DISABLED || settings.OTEL_TRACES_EXPORTER === 'none') return false;
  return Boolean(settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? settings.OTEL_EXPORTER_OTLP_ENDPOINT);
}
