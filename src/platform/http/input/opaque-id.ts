/** Maximum length of an id of another system: theirs are far shorter, and index keys must stay small. */
export const MAX_ID_LENGTH = 128;

const CONTROL_CHARACTERS = /\p{Cc}/u;

/** Whether a path segment, or a claim of a token, can be an id of another system. */
export function isOpaqueId(text: string, maxLength = MAX_ID_LENGTH): boolean {
  return text.length > 0 && text.length <= maxLength && text.isWellFormed() && !CONTROL_CHARACTERS.test(text);
}
