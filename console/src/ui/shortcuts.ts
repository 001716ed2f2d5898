import { useEffect, useEffectEvent } from 'react';
import { preferences } from './preferences.ts';

/** Shortcuts: one key, or a sequence of two as in `g o`. */
export type Shortcuts = Record<string, (event: KeyboardEvent) => void>;

/** How long the second key of two may take. */
const SECOND_KEY_MS = 1_500;

const FIRST_KEYS = new Set(['g']);

const MODIFIERS = new Set(['Shift', 'Control', 'Alt', 'Meta']);

/** Does what the keys are for. @returns whether they are for anything */
type Handler = (keys: string, event: KeyboardEvent) => boolean;

const handlers = new Set<Handler>();

let firstKey: { key: string; at: number } | undefined;

window.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || MODIFIERS.has(event.key))
    return;
  if (isTyping(event) || document.querySelector('dialog[open]')) return;
  const isLetter = event.key.length === 1;
  if (isLetter && !preferences.get().shortcuts && event.key !== '?') return;
  const isSecond = firstKey && event.timeStamp - firstKey.at < SECOND_KEY_MS;
  const keys = isSecond ? `${firstKey?.key} ${event.key}` : event.key;
  firstKey = !isSecond && FIRST_KEYS.has(event.key) ? { key: event.key, at: event.timeStamp } : undefined;
  if ([...handlers].some((handle) => handle(keys, event))) event.preventDefault();
});

function isTyping({ target }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  const isText = target instanceof HTMLInputElement && !['checkbox', 'radio', 'button'].includes(target.type);
  return isText || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** Handles keys while the component is mounted, no input has the focus, and no dialog is open. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const handle = useEffectEvent((keys: string, event: KeyboardEvent) => {
    const action = shortcuts[keys];
    action?.(event);
    return action !== undefined;
  });
  useEffect(() => {
    const handler: Handler = (keys, event) => handle(keys, event);
    handlers.add(handler);
    return () => {
      handlers.delete(handler);
    };
  }, []);
}
