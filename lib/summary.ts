import { type Architecture, parameterCount, parameterShapes } from './architecture'

/** Bytes of a float32. */
const PARAMETER_BYTES = 4

/** A table of a network's layers in Keras' manner. Letters: N images, T rows (time steps), H hidden, C classes. */
export function summarize(architecture: Architecture): string {
  const { hiddenSize, numLayers, numClasses, nonlinearity } = architecture
  const rows = [['Layer (type)', 'Output shape', 'Param #']]
  for (let layer = 0; layer < numLayers; layer += 1) {
    const parameters = countOf(architecture, (name) => name.endsWith(`_l${layer}`))
    rows.push([`basic_rnn, layer ${layer} (RNN, ${nonlinearity})`, `[T, N, ${hiddenSize}]`, parameters])
  }
  const linear = countOf(architecture, (name) => name.startsWith('FC.'))
  rows.push(['FC (Linear)', `[N, ${numClasses}]`, linear])
  const total = parameterCount(architecture)
  const size = `${((total * PARAMETER_BYTES) / 1024).toFixed(2)} KiB`
  return [`Model: "ImageRNN"`, ...drawTable(rows), `Total params: ${total.toLocaleString('en-US')} (${size})`].join('\n')
}

function countOf(architecture: Architecture, isMember: (name: string) => boolean): string {
  const shapes = [...parameterShapes(architecture)].filter(([name]) => isMember(name))
  return shapes.reduce((sum, [, shape]) => sum + shape.reduce((product, size) => product * size, 1), 0).toLocaleString('en-US')
}

/** The last column is of numbers and goes to the right. */
function drawTable([head, ...body]: readonly (readonly string[])[]): string[] {
  const all = [head ?? [], ...body]
  const widths = (head ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const line = (left: string, middle: string, right: string) =>
    `${left}${widths.map((width) => '─'.repeat(width + 2)).join(middle)}${right}`
  const draw = (row: readonly string[]) => {
    const cells = widths.map((width, column) => (column === widths.length - 1 ? row[column]?.padStart(width) : row[column]?.padEnd(width)))
    return `│ ${cells.join(' │ ')} │`
  }
  return [line('┌', '┬', '┐'), draw(head ?? []), line('├', '┼', '┤'), ...body.map(draw), line('└', '┴', '┘')]
}
