import { Store, useStore } from './store.ts';

const message = new Store('');

/** Announces a text to screen readers, without interrupting. */
export function announce(text: string): void {
  // A screen reader skips a text that has not changed; the no-break space is silent and makes it another.
  message.set(message.get() === text ? `${text}\u00a0` : text);
}

export function Announcer() {
  return <output className="visually-hidden">{useStore(message)}</output>;
}
