import { useState } from 'react';
import { credential } from '../api/session.ts';
import { announce } from '../ui/announcer.tsx';
import { Menu } from '../ui/menu.tsx';
import { ProblemBox } from '../ui/problem-box.tsx';
import { useStore } from '../ui/store.ts';
import { useZone } from '../time/use-zone.ts';
import { canStreamToFile, type ExportForm, exportOrders, type ExportFormat, exportPath } from './export.ts';
import { COLUMN_SETS, type ColumnSet, columnsOf, type ExportRows } from './export-forms.ts';
import type { OrderFilter } from './filters/order-filter.ts';

const FORMATS: Record<ExportFormat, string> = {
  csv: 'CSV, for spreadsheets',
  ndjson: 'NDJSON, for programs',
};

const ROWS: Record<ExportRows, string> = {
  lines: 'A row for each line',
  orders: 'A row for each order',
};

/** Saves all orders of the filter to a file. */
export function ExportMenu({ filter }: { filter: OrderFilter }) {
  const zone = useZone();
  const isKnown = useStore(credential) !== null;
  const [progress, setProgress] = useState<{ bytes: number; stop: AbortController } | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [rows, setRows] = useState<ExportRows>('lines');
  const [set, setSet] = useState<ColumnSet>('usual');
  const columns = columnsOf(set, rows);
  const formOf = (format: ExportFormat): ExportForm =>
    format === 'csv' ? { format, rows, ...(columns !== undefined && { columns }) } : { format };
  const start = async (format: ExportFormat): Promise<void> => {
    const stop = new AbortController();
    setError(null);
    setProgress({ bytes: 0, stop });
    try {
      await exportOrders(filter, zone, formOf(format), (bytes) => setProgress({ bytes, stop }), stop.signal);
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
        <Choice label="Rows of the CSV file" options={ROWS} value={rows} onChange={setRows} />
        <Choice label="Columns of the CSV file" options={COLUMN_SETS} value={set} onChange={setSet} />
        {(Object.entries(FORMATS) as [ExportFormat, string][]).map(([format, name]) =>
          isKnown || canStreamToFile() ? (
            <button key={format} type="button" className="button" onClick={() => void start(format)}>
              {name}
            </button>
          ) : (
            // A large file does not fit into the memory of the page. Without credentials the browser can save it by itself.
            <a key={format} className="button" href={exportPath(filter, zone, formOf(format))} download>
              {name}
            </a>
          ),
        )}
        {error !== null && <ProblemBox error={error} purpose="export" />}
      </div>
    </Menu>
  );
}

interface ChoiceProps<Value extends string> {
  label: string;
  options: Record<Value, string>;
  value: Value;
  onChange: (value: Value) => void;
}

function Choice<Value extends string>({ label, options, value, onChange }: ChoiceProps<Value>) {
  return (
    <label className="labelled">
      {label}
      <select value={value} onChange={(event) => onChange(event.target.value as Value)}>
        {(Object.entries(options) as [Value, string][]).map(([id, name]) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
