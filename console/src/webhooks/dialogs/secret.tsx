import { type ReactNode, useEffect, useId, useRef } from 'react';
import { CopyButton } from '../../ui/copy-button.tsx';

interface Props {
  secret: string;
  children: ReactNode;
  onDone: () => void;
}

/** Shows a secret, which the service never returns again. */
export function Secret({ secret, children, onDone }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => input.current?.select(), []);
  return (
    <div className="dialog-form">
      <p>{children}</p>
      <label htmlFor={id}>Signing secret</label>
      <div className="secret">
        <input
          ref={input}
          id={id}
          className="mono"
          readOnly
          autoComplete="off"
          spellCheck={false}
          value={secret}
        />
        <CopyButton text={secret} what="secret" />
      </div>
      <p className="notice">Store it now: it is not shown again.</p>
      <div className="dialog-actions">
        <button type="button" className="button button-primary" onClick={onDone}>
          I have stored it
        </button>
      </div>
    </div>
  );
}
