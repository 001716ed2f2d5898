import { createHash } from 'node:crypto';

/**
 * The fields that a request has had since the first release, in the order in which its fingerprint has them. A list of
 * objects stands with the layout of its elements.
 */
export type FingerprintLayout = readonly (string | readonly [list: string, elements: FingerprintLayout])[];

/**
 * SHA-256 of a validated request, to refuse its key for another request. Every field of the request counts: the fields
 * of the layout by their position, which is how fingerprints are stored since the first release, and all others by their
 * name. A new field needs no entry, and while it is absent, fingerprints from before it stay valid.
 */
export function fingerprintOf(request: object, layout: FingerprintLayout, ...head: string[]): string {
  const canonical = JSON.stringify([...head, ...listOf(request, layout)]);
  return createHash('sha256').update(canonical).digest('hex');
}

function listOf(request: object, layout: FingerprintLayout): unknown[] {
  const rest = new Map<string, unknown>(Object.entries(request));
  const known = layout.map((field) => {
    const [name, elements] = typeof field === 'string' ? [field, undefined] : field;
    const value = rest.get(name) ?? null;
    rest.delete(name);
    return elements && Array.isArray(value)
      ? value.map((element: object) => listOf(element, elements))
      : value;
  });
  const others = canonicalObject(Object.fromEntries(rest));
  return Object.keys(others).length > 0 ? [...known, others] : known;
}

/** Without absent fields, and with the others sorted by name: the client's order of fields means nothing. */
function canonicalObject(value: object): object {
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  const sorted = fields.toSorted(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, field]) => [name, canonicalValue(field)]));
}

function canonicalValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonicalValue);
  return typeof value === 'object' && value !== null ? canonicalObject(value) : value;
}
