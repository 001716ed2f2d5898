import { useState } from 'react';
import { credential } from '../api/session.ts';
import { announce } from '../ui/announcer.tsx';
import { Menu } from '../ui/menu.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';
import { useStore } from '../ui/store.ts';
import { useZone } from '../time/use-zone.ts';
import { canStreamToFile, exportOrders, type ExportFormat, exportPath } from './export.ts';
import type { OrderFilter } from './order-filter.ts';

const FORMATS: Record<ExportFormat, string> = {
  csv: 'CSV, for spreadsheets',
  ndjson: 'NDJSON, for programs',
};

/** Saves all orders of the filter to a file. */
export function ExportMenu({ filter }: { filter: OrderFilter }) {
  const zone = useZone();
  const isKnown = useStore(credential) !== null;
  const [progress, setProgress] = useState<{ bytes: number; stop: AbortController } | null>(null);
  const [error, setError] = useState<unknown>(null);
  const start = async (format: ExportFormat): Promise<void> => {
    const stop = new AbortController();
    setError(null);
    setProgress({ bytes: 0, stop });
    try {
      await exportOrders(filter, zone, format, (bytes) => setProgress({ bytes, stop }), stop.signal);
      announce('The export is complete');
    } catch (failure) {
      // Stopped here, or no file chosen: what the user wanted.
      const isWanted = failure instanceof DOMException && failure.name === 'AbortError';
      if (!isWanted) setError(failure);
    } finally {
      setProgress(null);
    }
  };
  if (progress) {
    return (
      <button type="button" className="button" onClick={() => progress.stop.abort()}>
        Stop the export ({(progress.bytes / 1_000_000).toFixed(1)} MB)
      </button>
    );
  }
  return (
    <Menu className="menu" summaryClassName="button" summary="Export" startsOpen={error !== null}>
      <div className="menu-content">
        <p className="muted">All orders of the current filters, newest first.</p>
        {(Object.entries(FORMATS) as [ExportFormat, string][]).map(([format, name]) =>
          isKnown || canStreamToFile() ? (
            <button key={format} type="button" className="button" onClick={() => void start(format)}>
              {name}
            </button>
          ) : (
            // A large file does not fit into the memory of the page. Without credentials the browser can save it by itself.
            <a key={format} className="button" href={exportPath(filter, zone, format)} download>
              {name}
            </a>
          ),
        )}
        {error !== null && <ProblemBox error={error} purpose="export" />}
      </div>
    </Menu>
  );
}
