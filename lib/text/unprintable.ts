/** Control characters, which drive a terminal, characters that end a line, and those that turn the direction of the text around them. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u
const EACH_UNPRINTABLE = new RegExp(UNPRINTABLE, 'gu')

export function hasUnprintable(text: string): boolean {
  return UNPRINTABLE.test(text)
}

/** Replaces such characters by their escapes in JSON: a text from a file, in a message, stays on its line. */
export function escapeUnprintable(text: string): string {
  return text.replaceAll(EACH_UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A text in the quotes of JSON, which does not escape all of these characters by itself. */
export function quoteText(text: string): string {
  return escapeUnprintable(JSON.stringify(text))
}
