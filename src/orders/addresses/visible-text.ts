/**
 * Characters beyond ASCII that can't be seen: default-ignorable (zero-width, fillers, variation selectors), format and
 * control characters, spaces, and the blank of braille, which Unicode counts as a symbol.
 */
const INVISIBLE = /(?!\p{ASCII})[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Z}\u{2800}]/u;
const ALL_INVISIBLE = new RegExp(INVISIBLE, 'gu');

/** Default-ignorable, format and control characters, and separators of lines: no id has a use for them. */
const UNUSABLE_IN_IDS = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Zl}\p{Zp}]/u;

export function hasInvisible(text: string): boolean {
  return INVISIBLE.test(text);
}

export function removeInvisible(text: string): string {
  return text.replace(ALL_INVISIBLE, '');
}

/** Whether nothing of a text can be seen. */
export function isBlank(text: string): boolean {
  return removeInvisible(text).trim() === '';
}

/** Whether two different ids could look alike, because of invisible characters. */
export function hasUnusableInId(text: string): boolean {
  return UNUSABLE_IN_IDS.test(text) || isBlank(text);
}
