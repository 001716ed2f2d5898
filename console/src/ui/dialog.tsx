import { type ReactNode, useEffect, useId, useRef } from 'react';
import { useKeptFocus } from '../shell/kept-focus.ts';

interface Props {
  title: string;
  onClose: () => void;
  /** Whether Esc and the cross are of no use at the moment, because something is under way. */
  isBusy?: boolean;
  isWide?: boolean;
  children: ReactNode;
}

/**
 * A modal dialog: the browser keeps the focus in it and closes it with Esc. Afterwards the focus is where it was before;
 * `useKeptFocus` looks after it where that element is gone.
 */
export function Dialog({ title, onClose, isBusy = false, isWide = false, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useKeptFocus(ref);
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    if (dialog && !dialog.open) dialog.showModal();
    // The browser would take the first thing that can have the focus, which is the cross.
    dialog?.querySelector<HTMLElement>('[data-focus]')?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      // The element is gone, or nothing had the focus: Tab continues in the page instead of at its top.
      if (document.activeElement === document.body) {
        document.getElementById('main')?.focus({ preventScroll: true });
      }
    };
  }, []);
  return (
    <dialog
      ref={ref}
      tabIndex={-1}
      className={isWide ? 'dialog dialog-wide' : 'dialog'}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        if (!isBusy) onClose();
      }}
    >
      <header className="dialog-header">
        <h2 id={id}>{title}</h2>
        <button type="button" className="button-icon" aria-label="Close" onClick={onClose} disabled={isBusy}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}
