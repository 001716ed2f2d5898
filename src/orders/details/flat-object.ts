/** Names and values that fit into an answer and an index. The service does not interpret them. */
export const MAX_KEYS = 50;
export const MAX_KEY_LENGTH = 40;
export const MAX_VALUE_LENGTH = 500;

/** As JSON in UTF-8: 50 values of the greatest length would be more. */
export const MAX_FLAT_OBJECT_BYTES = 16 * 1024;

/** In a change: as many as are removed, and as many as are set. */
export const MAX_PATCH_KEYS = 2 * MAX_KEYS;

const CONTROL_CHARACTERS = /\p{Cc}/u;

/**
 * Why a value is not a flat object of text, numbers and booleans within the limits.
 *
 * @returns the message for its field; undefined where there is nothing wrong
 */
export function flatObjectError(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must be an object';
  const entries = Object.entries(value);
  if (entries.length > MAX_KEYS) return `must have at most ${MAX_KEYS} keys`;
  if (entries.some(([key]) => !isPlain(key) || key.length === 0 || key.length > MAX_KEY_LENGTH))
    return `must have keys of 1 to ${MAX_KEY_LENGTH} characters, none of them a control character`;
  if (!entries.every(([, content]) => isScalar(content))) {
    return (
      `must have values that are numbers, booleans or text of at most ${MAX_VALUE_LENGTH} characters, ` +
      'none of them a control character'
    );
  }
  const isTooLarge = Buffer.byteLength(JSON.stringify(value)) > MAX_FLAT_OBJECT_BYTES;
  return isTooLarge ? `must have at most ${MAX_FLAT_OBJECT_BYTES} bytes as JSON` : undefined;
}

/**
 * Why a value is not a change of a flat object, whose members are set or, with null, removed. The limits of the object
 * apply to the result.
 *
 * @returns the message for its field; undefined where there is nothing wrong
 */
export function flatPatchError(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return flatObjectError(value);
  const entries = Object.entries(value);
  if (entries.length > MAX_PATCH_KEYS) return `must have at most ${MAX_PATCH_KEYS} keys`;
  const removed = entries.filter(([, content]) => content === null).map(([key]) => [key, true]);
  const set = entries.filter(([, content]) => content !== null);
  return flatObjectError(Object.fromEntries(set)) ?? flatObjectError(Object.fromEntries(removed));
}

function isScalar(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= MAX_VALUE_LENGTH && isPlain(value);
  // JSON has no infinity, but numbers such as 1e400 are read as one.
  return typeof value === 'boolean' || Number.isFinite(value);
}

function isPlain(text: string): boolean {
  return text.isWellFormed() && !CONTROL_CHARACTERS.test(text);
}
