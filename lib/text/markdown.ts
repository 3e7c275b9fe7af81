/** Text for Markdown documents and their heads of YAML. Whatever characters it has, it stays text. */

/** A text between other words: no character of it is taken for markup, and it stays on its line. */
export function toMarkdown(text: string): string {
  return onOneLine(text).replaceAll(/[\\`*_{}[\]<>#|~&$]/g, (character) => `\\${character}`)
}

/** Lines of code. @param language - How they are coloured: "sh". */
export function toCodeBlock(code: string, language: string): string {
  const longest = Math.max(2, ...Array.from(code.matchAll(/`+/g), ([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${code}\n${fence}`
}

/** A table. @param rows - The headings first. Cells are Markdown. @param words - How many columns, from the left, hold words, not numbers. */
export function drawMarkdownTable(rows: readonly (readonly string[])[], words: number): string {
  const [head = [], ...body] = rows
  const alignments = head.map((_, column) => (column < words ? '---' : '---:'))
  return [head, alignments, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/**
 * A text as a value of YAML, between double quotes. All but ASCII is escaped: YAML's readers refuse some characters, and not all the same ones.
 * Half a character, which no reader takes, becomes U+FFFD.
 */
export function toYamlText(text: string): string {
  const quoted = Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0
    if (character === '"' || character === '\\') return `\\${character}`
    if (code >= 0x20 && code < 0x7f) return character
    const isHalf = code >= 0xd800 && code <= 0xdfff
    return `\\U${(isHalf ? 0xfffd : code).toString(16).padStart(8, '0')}`
  })
  return `"${quoted.join('')}"`
}

function onOneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}\u2028\u2029]+/gu, ' ')
}
