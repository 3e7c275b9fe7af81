/** What can be said about an option: its kind, its range, its default and its meaning. */

/** The limits of a number. `min` and `max` are allowed values themselves; `above` and `below` are not. */
export type Bounds = ({ readonly min?: number; readonly above?: never } | { readonly min?: never; readonly above: number }) &
  ({ readonly max?: number; readonly below?: never } | { readonly max?: never; readonly below: number })

type NumberKind = { readonly kind: 'integer' | 'number' } & Bounds

/** Some of many: a number of them, or a share of all. */
interface PartKind {
  readonly kind: 'part'
}

/** Two numbers, both within the bounds: `[0.9, 0.999]` in the API, `0.9,0.999` on the command line. */
type PairKind = { readonly kind: 'pair' } & Bounds

interface BooleanKind {
  readonly kind: 'boolean'
}

interface ChoiceKind<T extends string> {
  readonly kind: 'choice'
  readonly choices: readonly T[]
}

interface TextKind {
  readonly kind: 'text'
  readonly pattern: RegExp
  /** The pattern in words, for errors. */
  readonly expected: string
  /** What stands for the value in `--help`. Default `text`. */
  readonly placeholder?: string
  /** The values that a shell can complete. */
  readonly completions?: readonly string[]
  /** What the flag means without a value. Absent: it needs one. */
  readonly preset?: string
}

interface PathKind {
  readonly kind: 'path'
  /** What the path names; `path`: a file or a folder. */
  readonly of: 'file' | 'folder' | 'path'
}

/** A flag that can be given several times: the texts of all of them. On the command line only. */
interface TextsKind {
  readonly kind: 'texts'
  /** Of each text. */
  readonly pattern: RegExp
  /** The pattern in words, for errors. */
  readonly expected: string
  /** What stands for the value in `--help`. */
  readonly placeholder: string
  /** The values that a shell can complete. */
  readonly completions?: readonly string[]
}

type Kind<T> = [T] extends [number]
  ? NumberKind | PartKind
  : [T] extends [boolean]
    ? BooleanKind
    : [T] extends [string]
      ? ChoiceKind<T> | TextKind | PathKind
      : [T] extends [readonly [number, number]]
        ? PairKind
        : [T] extends [readonly string[]]
          ? TextsKind
          : never

/** What applies when an option is not given: a default; or nothing, and then it stays absent; or it must be given. */
type Presence<T> =
  | { readonly default: T; readonly optional?: never; readonly required?: never; readonly whenAbsent?: never }
  | { readonly required: true; readonly default?: never; readonly optional?: never; readonly whenAbsent?: never }
  | {
      readonly optional: true
      readonly default?: never
      readonly required?: never
      /** What happens without the option, for `--help`. */
      readonly whenAbsent?: string
    }

/** A value that a search may try. Null leaves the option out, where it is an optional one. */
export type TriedValue = number | string | boolean | null

/**
 * Where a search looks for good values: anywhere between two numbers, which are allowed values themselves, evenly by their difference
 * (`linear`) or by their ratio (`log`); or among some values.
 */
export type SearchRange =
  | { readonly scale: 'linear' | 'log'; readonly low: number; readonly high: number; readonly choices?: never }
  | { readonly choices: readonly TriedValue[]; readonly scale?: never; readonly low?: never; readonly high?: never }

interface Meaning {
  /** What the option means, in one line. */
  readonly summary: string
  /** Set for an option of a network whose value follows from the training data. A command that trains has no flag for it. */
  readonly fromData?: true
  /** Where a search looks for its values, unless the user says where. Absent: it cannot be searched. */
  readonly search?: SearchRange
}

/** How one option is checked, shown and stored. */
export type OptionSpec<T> = Meaning & Presence<T> & Kind<T>

/** The spec of any option, when its type is not known. */
export type AnyOptionSpec =
  | OptionSpec<number>
  | OptionSpec<boolean>
  | OptionSpec<string>
  | OptionSpec<readonly [number, number]>
  | OptionSpec<readonly string[]>

/** Specs by the names of their options. */
export type OptionTable = Readonly<Record<string, AnyOptionSpec>>

/** A table with one spec for every key of an interface. */
export type TableFor<Options> = { readonly [Key in keyof Options]-?: OptionSpec<Exclude<Options[Key], undefined>> }

/** The type of an option's value. */
export type OptionValue<Spec> = Spec extends { readonly kind: 'integer' | 'number' | 'part' }
  ? number
  : Spec extends { readonly kind: 'pair' }
    ? readonly [number, number]
    : Spec extends { readonly kind: 'boolean' }
      ? boolean
      : Spec extends { readonly kind: 'texts' }
        ? readonly string[]
        : Spec extends { readonly kind: 'choice'; readonly choices: readonly (infer Choice)[] }
          ? Choice
          : string

/** The options of a table as checked: those with a default are always there, optional ones may be absent. */
export type Resolved<Table> = {
  -readonly [Key in keyof Table as Table[Key] extends { readonly optional: true } ? never : Key]: OptionValue<Table[Key]>
} & {
  -readonly [Key in keyof Table as Table[Key] extends { readonly optional: true } ? Key : never]?: OptionValue<Table[Key]>
}
