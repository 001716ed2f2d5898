import { Store, useStore } from './store.ts';

const message = new Store('');

/** Says something to whoever listens to the page instead of looking at it, without interrupting. */
export function announce(text: string): void {
  // The same text again would not be read out; a space that nobody hears makes it another.
  message.set(message.get() === text ? `${text}\u00a0` : text);
}

export function Announcer() {
  return <output className="visually-hidden">{useStore(message)}</output>;
}
