import { type FormEvent, useEffect, useRef, useState } from 'react';
import { isOpen } from '../../api/transitions.ts';
import type { Correction, Order } from '../../api/types.ts';
import { ADDRESS_LINES, type Draft, draftOf, type Kind, patchOf, repeatedKeys } from './draft.ts';
import { TextArea, TextField } from '../../ui/field.tsx';
import { MetadataRows } from './metadata-rows.tsx';

/** As long as the service takes. */
const MAX_NAME_LENGTH = 200;
const MAX_EMAIL_LENGTH = 254;
const MAX_PHONE_LENGTH = 32;
const MAX_NOTE_LENGTH = 2_000;

/** Messages by the field that the service names, as in `shipping_address.city`. */
export type FieldErrors = Record<string, string>;

interface Props {
  order: Order;
  errors: FieldErrors;
  isBusy: boolean;
  onSubmit: (patch: Correction) => void;
}

/** All that can be corrected. Once the order is on its way, only what organizes the work on it. */
export function CorrectionForm({ order, errors, isBusy, onSubmit }: Props) {
  const [draft, setDraft] = useState<Draft>(() => draftOf(order));
  const [isRepeated, setRepeated] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (Object.keys(errors).length === 0) return;
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [errors]);
  const change = (part: Partial<Draft>): void => setDraft({ ...draft, ...part });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const repeated = repeatedKeys(draft.metadata).length > 0;
    setRepeated(repeated);
    if (!repeated) onSubmit(patchOf(order, draft));
  };
  return (
    <form className="dialog-form" ref={form} onSubmit={submit}>
      {!isOpen(order.status) && (
        <p className="notice">
          This order is {order.status}: customer, addresses and note can no longer be changed.
        </p>
      )}
      <fieldset className="fields" disabled={!isOpen(order.status)}>
        <legend className="visually-hidden">Customer, addresses and note</legend>
        <CustomerFields draft={draft} errors={errors} onChange={change} />
        <AddressFields kind="shipping_address" draft={draft} errors={errors} onChange={change} />
        <AddressFields kind="billing_address" draft={draft} errors={errors} onChange={change} />
        <TextArea
          label="Note"
          rows={3}
          maxLength={MAX_NOTE_LENGTH}
          error={errors['note']}
          value={draft.note}
          onChange={(note) => change({ note })}
        />
      </fieldset>
      <TextArea
        label="Tags"
        hint="one a line"
        rows={3}
        error={errors['tags']}
        value={draft.tags}
        onChange={(tags) => change({ tags })}
      />
      <MetadataRows
        rows={draft.metadata}
        error={
          isRepeated ? `has a key twice: ${repeatedKeys(draft.metadata).join(', ')}` : errors['metadata']
        }
        onChange={(metadata) => change({ metadata })}
      />
      <div className="dialog-actions">
        <button type="submit" className="button button-primary" disabled={isBusy}>
          {isBusy ? 'Saving …' : 'Save'}
        </button>
      </div>
    </form>
  );
}

interface PartProps {
  draft: Draft;
  errors: FieldErrors;
  onChange: (part: Partial<Draft>) => void;
}

function CustomerFields({ draft, errors, onChange }: PartProps) {
  return (
    <>
      <TextField
        label="Customer name"
        data-focus
        maxLength={MAX_NAME_LENGTH}
        error={errors['customer_name']}
        value={draft.customer_name}
        onChange={(text) => onChange({ customer_name: text })}
      />
      <TextField
        label="Email"
        // Not of type email, which refuses addresses that the service takes.
        inputMode="email"
        maxLength={MAX_EMAIL_LENGTH}
        error={errors['customer_email']}
        value={draft.customer_email}
        onChange={(text) => onChange({ customer_email: text })}
      />
      <TextField
        label="Phone"
        type="tel"
        maxLength={MAX_PHONE_LENGTH}
        error={errors['customer_phone']}
        value={draft.customer_phone}
        onChange={(text) => onChange({ customer_phone: text })}
      />
    </>
  );
}

const TITLES: Record<Kind, string> = {
  shipping_address: 'Shipping address',
  billing_address: 'Billing address',
};

function AddressFields({ kind, draft, errors, onChange }: PartProps & { kind: Kind }) {
  const address = draft[kind];
  return (
    <fieldset className="fields address-fields">
      <legend>{TITLES[kind]}</legend>
      {ADDRESS_LINES.map(([part, label]) => (
        <TextField
          key={part}
          label={label}
          maxLength={part === 'country' ? 2 : MAX_NAME_LENGTH}
          error={errors[`${kind}.${part}`]}
          value={address[part]}
          onChange={(text) =>
            onChange({ [kind]: { ...address, [part]: part === 'country' ? text.toUpperCase() : text } })
          }
        />
      ))}
    </fieldset>
  );
}
