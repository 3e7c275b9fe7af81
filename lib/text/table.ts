/** Draws tables as text. Cells are padded with spaces; words are aligned to the left, numbers to the right. */

/** The width that tables keep to where they can: half a screen, or a narrow window. */
export const TABLE_COLUMNS = 60

/** How the columns of a table are laid out. */
export interface ColumnLayout {
  /** How many of the columns, from the left, hold words. The others hold numbers. Default 0. */
  readonly words?: number
  /** The least width of each column. Default: the width of its widest cell. */
  readonly minWidths?: readonly number[]
  /** What separates two columns. Default: two spaces. */
  readonly gap?: string
}

/** A line of text for each row. */
export function drawColumns(rows: readonly (readonly string[])[], layout: ColumnLayout = {}): string[] {
  return padCells(rows, layout).map((cells) => cells.join(layout.gap ?? '  ').trimEnd())
}

/** Names with their values in a frame; without the frame where it is wider than `columns`. */
export function drawBox(entries: readonly (readonly [name: string, value: string])[], columns: number): string[] {
  const lines = drawColumns(entries, { words: 2 })
  const width = Math.max(...lines.map((line) => line.length))
  if (width + 4 > columns) return lines
  const edge = '─'.repeat(width + 2)
  return [`┌${edge}┐`, ...lines.map((line) => `│ ${line.padEnd(width)} │`), `└${edge}┘`]
}

/** A table with lines around every column and under its first row, the headings. */
export function drawGrid(rows: readonly (readonly string[])[], layout: Pick<ColumnLayout, 'words'>): string[] {
  const cells = padCells(rows, layout)
  const [head = '', ...body] = cells.map((row) => `│ ${row.join(' │ ')} │`)
  const edges = (cells[0] ?? []).map((cell) => '─'.repeat(cell.length + 2))
  const line = (left: string, middle: string, right: string) => `${left}${edges.join(middle)}${right}`
  return [line('┌', '┬', '┐'), head, line('├', '┼', '┤'), ...body, line('└', '┴', '┘')]
}

/** Makes all cells of a column equally wide. */
function padCells(rows: readonly (readonly string[])[], { words = 0, minWidths = [] }: ColumnLayout): string[][] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(minWidths[column] ?? 0, ...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row.map((cell, column) => (column < words ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))),
  )
}
