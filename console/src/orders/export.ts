import { fetchRaw } from '../api/client.ts';
import { IncompleteExportError } from '../api/problem.ts';
import { type OrderFilter, toQuery } from './filters/order-filter.ts';

export type ExportFormat = 'csv' | 'ndjson';

/** Long enough for the browser to start saving the file. */
const KEEP_MS = 60_000;

/** The File System Access API of some browsers, which TypeScript does not declare. */
interface FilePicker {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<{
    createWritable(): Promise<WritableStream<Uint8Array>>;
  }>;
}

/** The last line of an export. */
const END: Record<ExportFormat, RegExp> = {
  csv: /(^|\n)"end of export: \d+ orders",*\r\n$/,
  ndjson: /(^|\n)\{"count":\d+\}\n$/,
};

/** The last line is far shorter. */
const TAIL_BYTES = 256;

/** Whether the browser can write a download to a file as it arrives. */
export function canStreamToFile(): boolean {
  return 'showSaveFilePicker' in window;
}

/** A form of the file. Rows and columns are those of CSV. */
export interface ExportForm {
  format: ExportFormat;
  rows?: 'lines' | 'orders';
  columns?: string;
}

export function exportPath(filter: OrderFilter, zone: string, form: ExportForm): string {
  const params = new URLSearchParams({ ...form });
  for (const [name, value] of Object.entries(toQuery(filter, zone))) params.set(name, String(value));
  return `/orders/export?${params}`;
}

/**
 * Saves the orders of a filter to a file. Where the browser can, it streams into a file of the user's choice;
 * otherwise it collects the export in memory first.
 *
 * @param onProgress receives the number of bytes so far
 * @throws {IncompleteExportError} nothing is saved then
 * @throws {ProblemError} the error of the service, or of the browser when the file can't be written
 */
export async function exportOrders(
  filter: OrderFilter,
  zone: string,
  form: ExportForm,
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { format } = form;
  const name = `orders-${new Date().toISOString().slice(0, 16).replaceAll(':', '')}.${format}`;
  const picker = window as FilePicker;
  // Asked for before anything is fetched: browsers open the dialog only right after a click.
  const file = await picker.showSaveFilePicker?.({ suggestedName: name });
  const response = await fetchRaw(exportPath(filter, zone, form), { signal });
  if (!response.body) throw new Error('the export is empty');
  const counted = response.body.pipeThrough(counting(onProgress)).pipeThrough(complete(format));
  if (file) {
    await counted.pipeTo(await file.createWritable(), { signal });
    return;
  }
  // Not by way of a Response, which turns every error into the same TypeError.
  const parts: Uint8Array<ArrayBuffer>[] = [];
  await counted.pipeTo(new WritableStream({ write: (part) => void parts.push(new Uint8Array(part)) }), {
    signal,
  });
  download(new Blob(parts), name);
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

/** Fails at the end of an export whose last line is missing, so that the file is not written. */
function complete(format: ExportFormat): TransformStream<Uint8Array, Uint8Array> {
  let tail = new Uint8Array();
  return new TransformStream({
    transform(chunk, controller) {
      tail = new Uint8Array([...tail, ...chunk.slice(-TAIL_BYTES)]).slice(-TAIL_BYTES);
      controller.enqueue(chunk);
    },
    flush() {
      if (!END[format].test(new TextDecoder().decode(tail))) throw new IncompleteExportError();
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
