/** The columns that any table here keeps to: half a screen, or a narrow window. */
export const TABLE_COLUMNS = 60

/** The width of an output that does not tell its own. */
export const DEFAULT_COLUMNS = 80

/** Between two columns. */
const GAP = '  '

/** Lines of cells, each column as wide as its widest cell, all to the right, as numbers are. */
export function drawColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join(GAP))
}

/** Names with what they stand for, in a frame; without one where the terminal is too narrow for it. */
export function drawBox(entries: readonly (readonly [name: string, value: string])[], columns: number): string[] {
  const nameWidth = Math.max(...entries.map(([name]) => name.length))
  const lines = entries.map(([name, value]) => `${name.padEnd(nameWidth)}${GAP}${value}`)
  const width = Math.max(...lines.map((line) => line.length))
  if (width + 4 > columns) return lines
  const edge = '─'.repeat(width + 2)
  return [`┌${edge}┐`, ...lines.map((line) => `│ ${line.padEnd(width)} │`), `└${edge}┘`]
}
