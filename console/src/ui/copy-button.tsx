import { useState } from 'react';
import { announce } from './announcer.tsx';

/** How long it says that it was done. */
const TOLD_MS = 1_500;

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [isDone, setDone] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    announce(`The ${what} was copied`);
    setDone(true);
    setTimeout(() => setDone(false), TOLD_MS);
  };
  // Browsers have a clipboard only on secure pages.
  if (!window.isSecureContext) return null;
  return (
    <button type="button" className="button button-quiet" onClick={() => void copy()}>
      {isDone ? 'Copied' : 'Copy'}
      <span className="visually-hidden"> {what}</span>
    </button>
  );
}
