import type { Option } from 'commander'

/** Where on a command line a command stands, or what stands in its place. */
export interface CommandWord {
  readonly word: string
  readonly index: number
}

/**
 * The first argument that is neither an option nor the value of one.
 *
 * @param options - Those of the default command: the only ones that can stand before a word.
 * @returns Undefined also after an option that is not known: whether it takes a value, nobody can tell.
 */
export function commandWord(args: readonly string[], options: readonly Option[]): CommandWord | undefined {
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] as string
    if (!word.startsWith('-')) return { word, index }
    const [flag, value] = word.split('=', 2) as [string, string?]
    const option = options.find(({ long, short }) => flag === long || flag === short)
    if (option === undefined && word !== '--') return undefined
    if (option?.required && value === undefined) index += 1
  }
  return undefined
}
