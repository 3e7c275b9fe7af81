/** Fits what `--help` says after the flags to the width of the terminal. */
import { Help } from 'commander'

/** A line of a list: what it is about, and after two or more spaces what is said of it. */
const ITEM = /^( +\S+(?: \S+)*)( {2,})(\S.*)$/
/** An example, with a remark after three or more spaces. */
const EXAMPLE = /^( {2}rnn-mnist-train.*?) {3,}(\S.*)$/
/** Before a remark that has a line of its own. */
const REMARK_INDENT = 6
/** Narrower columns of text are harder to read than lines that a terminal breaks. */
const MIN_WIDTH = 20

/**
 * @param details - Paragraphs, whose lines are joined and broken anew, and indented lists. An example that is too long stays in one line, so that
 * it can be copied; its remark goes below it, with those of the other examples beside it.
 * @param width - Columns.
 */
export function fitDetails(details: string, width: number): string {
  const blocks = details.split(/\n{2,}/)
  return blocks.map((block) => fitBlock(block.split('\n'), width)).join('\n\n')
}

function fitBlock(lines: readonly string[], width: number): string {
  const isTooLong = lines.some((line) => EXAMPLE.test(line) && line.length > width)
  const fitted: string[] = []
  let paragraph: string[] = []
  const endParagraph = () => {
    if (paragraph.length > 0) fitted.push(wrap(paragraph.join(' '), width, 0))
    paragraph = []
  }
  for (const line of lines) {
    if (line !== '' && !line.startsWith(' ')) {
      paragraph.push(line)
      continue
    }
    endParagraph()
    fitted.push(...fitLine(line, isTooLong, width))
  }
  endParagraph()
  return fitted.join('\n')
}

function fitLine(line: string, hasRemarksBelow: boolean, width: number): string[] {
  const example = EXAMPLE.exec(line)
  if (example !== null) {
    const [, command = '', remark = ''] = example
    return hasRemarksBelow ? [command, `${' '.repeat(REMARK_INDENT)}${wrap(remark, width, REMARK_INDENT)}`] : [line]
  }
  const item = ITEM.exec(line)
  if (item === null || line.length <= width) return [line]
  const [, term = '', gap = '', text = ''] = item
  return [`${term}${gap}${wrap(text, width, term.length + gap.length)}`]
}

/** Breaks a text whose lines begin at a column. */
function wrap(text: string, width: number, indent: number): string {
  const help = new Help()
  help.minWidthToWrap = MIN_WIDTH
  return help.boxWrap(text, width - indent).replaceAll('\n', `\n${' '.repeat(indent)}`)
}
