import type { Option } from 'commander'

/** The word of a command line that should be the name of a command. */
export interface CommandWord {
  readonly word: string
  /** Its position in the arguments. */
  readonly index: number
}

/**
 * Finds the first argument that is neither an option nor the value of an option.
 *
 * @param options - The options of the default command, which are the only ones that can stand before the word.
 * @returns Undefined where there is no such word, and after an unknown option, which may take the next word as its value.
 */
export function findCommandWord(args: readonly string[], options: readonly Option[]): CommandWord | undefined {
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] as string
    if (!word.startsWith('-')) return { word, index }
    const [flag, value] = word.split('=', 2) as [string, string?]
    const option = options.find(({ long, short }) => flag === long || flag === short)
    if (option === undefined && word !== '--') return undefined
    if (value !== undefined || option === undefined) continue
    // A value that may be left out is there when the next word could be one. Commander sees it so, too.
    const hasValue = option.required || (option.optional && args[index + 1]?.startsWith('-') === false)
    if (hasValue) index += 1
  }
  return undefined
}
