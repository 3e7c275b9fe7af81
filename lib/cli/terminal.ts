/** The width that is assumed where a stream tells none: it is no terminal, or one that says 0. */
const DEFAULT_COLUMNS = 80

/** How many columns there are for text. */
export function columnsOf(stream: { readonly columns?: number }): number {
  return stream.columns || DEFAULT_COLUMNS
}
