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

/** How many characters of a value a message shows. */
const SHOWN_CHARACTERS = 80
const ELLIPSIS = '...'

/** A value from a file, as an error shows it: JSON on one line, and short. */
export function quoteValue(value: unknown): string {
  // A long text is cut before it is quoted: files may hold texts of many megabytes.
  const part = typeof value === 'string' ? value.slice(0, SHOWN_CHARACTERS) : value
  const text = escapeUnprintable(JSON.stringify(part) ?? 'nothing')
  return text.length > SHOWN_CHARACTERS ? text.slice(0, SHOWN_CHARACTERS - ELLIPSIS.length) + ELLIPSIS : text
}
