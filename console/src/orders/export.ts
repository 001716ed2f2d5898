import { fetchRaw } from '../api/client.ts';
import { type OrderFilter, toQuery } from './order-filter.ts';

export type ExportFormat = 'csv' | 'ndjson';

/** By then the browser has taken over what is to be saved. */
const KEEP_MS = 60_000;

/** What some browsers have and TypeScript does not know: a file of the user's choice, written to as it comes. */
interface FilePicker {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<{
    createWritable(): Promise<WritableStream<Uint8Array>>;
  }>;
}

export function exportPath(filter: OrderFilter, zone: string, format: ExportFormat): string {
  const params = new URLSearchParams({ format });
  for (const [name, value] of Object.entries(toQuery(filter, zone))) params.set(name, String(value));
  return `/orders/export?${params}`;
}

/**
 * Saves the orders of a filter to a file: one that the user chooses, written to as it comes, where the browser can do
 * that; otherwise it is gathered in the browser first, which takes as much memory as the file is large.
 *
 * @param onProgress is told how many bytes have come
 * @throws {ProblemError} what the service says; what the browser says, where the file can't be written
 */
export async function exportOrders(
  filter: OrderFilter,
  zone: string,
  format: ExportFormat,
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const name = `orders-${new Date().toISOString().slice(0, 16).replaceAll(':', '')}.${format}`;
  const picker = window as FilePicker;
  // Asked for before anything is fetched: browsers open the dialog only right after a click.
  const file = await picker.showSaveFilePicker?.({ suggestedName: name });
  const response = await fetchRaw(exportPath(filter, zone, format), { signal });
  if (!response.body) throw new Error('the export is empty');
  const counted = response.body.pipeThrough(counting(onProgress));
  if (file) {
    await counted.pipeTo(await file.createWritable(), { signal });
    return;
  }
  download(await new Response(counted).blob(), name);
}

function counting(onProgress: (bytes: number) => void): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      onProgress(bytes);
      controller.enqueue(chunk);
    },
  });
}

function download(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // Not at once: the browser has yet to begin with it.
  setTimeout(() => URL.revokeObjectURL(address), KEEP_MS);
}
