/** The columns that any table here keeps to: half a screen, or a narrow window. */
export const TABLE_COLUMNS = 60

/** Between two columns. */
const GAP = '  '

/** Lines of cells, each column as wide as its widest cell, all to the right, as numbers are. */
export function drawColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join(GAP))
}
