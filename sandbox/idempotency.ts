import { BoundedMap } from './bounded-log.ts';
import { readInteger, readList, readText } from './input.ts';

/** An answer as it goes over the wire: `body` is JSON, and empty where there is none. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/**
 * Stored answers per service. Callers retry within a minute, and even thousands of calls a second take several
 * minutes to fill this; at some 500 bytes an answer it stays below half a gigabyte.
 */
const MAX_ANSWERS = 500_000;

/** Answers that the state file keeps per service: it is written as a whole, so it has to stay small. */
const MAX_PERSISTED_ANSWERS = 10_000;

/** The header's length that common services accept. */
export const MAX_KEY_LENGTH = 255;

export const JSON_TYPE = 'application/json; charset=utf-8';

interface StoredAnswer extends Answer {
  /** The body of the request that was answered, to notice a key that is used for something else. */
  readonly request: string;
}

export function answer(status: number, body: unknown): Answer {
  return { status, body: JSON.stringify(body) };
}

/** An error in the form that all four services share. */
export function refusal(status: number, detail: string): Answer {
  return { status, body: JSON.stringify({ detail }) };
}

/**
 * The first answer to each idempotency key.
 *
 * All effects of the stand-ins happen at once, without waiting in between, so of two concurrent calls with one key
 * the second always finds the answer of the first.
 */
export class StoredAnswers {
  readonly #answers = new BoundedMap<StoredAnswer>(MAX_ANSWERS);

  /**
   * @param call method, path and key: a key is good for one route only
   * @returns the answer to give instead of acting, or undefined when this call is the first
   */
  find(call: string, request: string): { answer: Answer; replay: boolean } | undefined {
    const stored = this.#answers.get(call);
    if (!stored) return undefined;
    if (stored.request === request) return { answer: stored, replay: true };
    // A replay would report an effect that never happened.
    return {
      answer: refusal(422, 'The Idempotency-Key was used before with another body'),
      replay: false,
    };
  }

  keep(call: string, request: string, { status, body }: Answer): void {
    this.#answers.set(call, { status, body, request });
  }

  clear(): void {
    this.#answers.clear();
  }

  /** What the state file keeps: `[call, status, body, request][]`. */
  snapshot(): unknown {
    return this.#answers
      .latest(MAX_PERSISTED_ANSWERS)
      .map(([call, { status, body, request }]) => [call, status, body, request]);
  }

  /** @throws {BadInput} when `snapshot` is not one */
  restore(snapshot: unknown): void {
    this.clear();
    for (const entry of readList(snapshot, 'answers', MAX_PERSISTED_ANSWERS)) {
      const [call, status, body, request] = readList(entry, 'answer', 4);
      this.#answers.set(readText(call, 'answer.call'), {
        status: readInteger(status, 'answer.status', 200, 599),
        body: readText(body, 'answer.body'),
        request: readText(request, 'answer.request'),
      });
    }
  }
}
