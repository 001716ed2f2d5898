import { useState } from 'react';
import { announce } from './announcer.tsx';

/** How long it says that it was done. */
const TOLD_MS = 1_500;

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [result, setResult] = useState<'Copied' | 'Copy failed' | null>(null);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setResult('Copied');
      announce(`The ${what} was copied`);
    } catch {
      // The browser or its user does not allow it.
      setResult('Copy failed');
      announce(`The ${what} could not be copied`);
    }
    setTimeout(() => setResult(null), TOLD_MS);
  };
  // Browsers have a clipboard only on secure pages.
  if (!window.isSecureContext) return null;
  return (
    <button type="button" className="button button-quiet" onClick={() => void copy()}>
      {result ?? 'Copy'}
      <span className="visually-hidden"> {what}</span>
    </button>
  );
}
