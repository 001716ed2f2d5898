import type { MetadataRow, ValueType } from './draft.ts';
import { FieldError } from '../../ui/field.tsx';

const TYPES: Record<ValueType, string> = { text: 'Text', number: 'Number', boolean: 'True or false' };

/** As long as the service takes. */
const MAX_KEY_LENGTH = 40;
const MAX_VALUE_LENGTH = 500;

interface Props {
  rows: MetadataRow[];
  error: string | undefined;
  onChange: (rows: MetadataRow[]) => void;
}

/** The keys and values of metadata, a row each. */
export function MetadataRows({ rows, error, onChange }: Props) {
  const change = (id: number, part: Partial<MetadataRow>): void =>
    onChange(rows.map((row) => (row.id === id ? { ...row, ...part } : row)));
  const next = Math.max(-1, ...rows.map(({ id }) => id)) + 1;
  return (
    <fieldset className="fields" aria-describedby={error === undefined ? undefined : 'metadata-error'}>
      <legend>Metadata</legend>
      {rows.map((row, index) => (
        <Row
          key={row.id}
          row={row}
          place={index + 1}
          onChange={(part) => change(row.id, part)}
          onRemove={() => onChange(rows.filter(({ id }) => id !== row.id))}
        />
      ))}
      {error !== undefined && <FieldError id="metadata-error" message={error} />}
      <div>
        <button
          type="button"
          className="button"
          onClick={() => onChange([...rows, { id: next, key: '', type: 'text', value: '' }])}
        >
          Add a field
        </button>
      </div>
    </fieldset>
  );
}

interface RowProps {
  row: MetadataRow;
  place: number;
  onChange: (part: Partial<MetadataRow>) => void;
  onRemove: () => void;
}

function Row({ row: { key, type, value }, place, onChange, onRemove }: RowProps) {
  const name = `of field ${place}`;
  return (
    <div className="metadata-row">
      <input
        aria-label={`Key ${name}`}
        placeholder="Key"
        maxLength={MAX_KEY_LENGTH}
        required
        value={key}
        onChange={(event) => onChange({ key: event.target.value })}
      />
      <select
        aria-label={`Type ${name}`}
        value={type}
        onChange={(event) => onChange(retyped(value, event.target.value as ValueType))}
      >
        {Object.entries(TYPES).map(([id, label]) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </select>
      {type === 'boolean' ? (
        <select
          aria-label={`Value ${name}`}
          value={value}
          onChange={(event) => onChange({ value: event.target.value })}
        >
          <option>true</option>
          <option>false</option>
        </select>
      ) : (
        <input
          aria-label={`Value ${name}`}
          placeholder="Value"
          type={type}
          step="any"
          maxLength={MAX_VALUE_LENGTH}
          required={type === 'number'}
          value={value}
          onChange={(event) => onChange({ value: event.target.value })}
        />
      )}
      <button type="button" className="button-icon" aria-label={`Remove field ${place}`} onClick={onRemove}>
        ✕
      </button>
    </div>
  );
}

/** Keeps of a value what the other type can hold. */
function retyped(value: string, type: ValueType): Partial<MetadataRow> {
  if (type === 'text') return { type };
  if (type === 'boolean') return { type, value: value === 'false' ? 'false' : 'true' };
  return { type, value: value.trim() !== '' && Number.isFinite(Number(value)) ? value.trim() : '' };
}
