/** The text of an evaluation: its result, batch by batch if asked for, and tables of what is confused. */
import type { ClassMetrics } from '../model/evaluation'
import type { EvaluationBatchEvent, EvaluationEvent } from '../training/events'
import { drawColumns, TABLE_COLUMNS } from './table'

/** The line that training and evaluation end with. */
export function describeResult({ loss, accuracy }: EvaluationEvent): string {
  return `Test Loss : ${loss.toFixed(4)} | Test Accuracy : ${toPercent(accuracy)} %\n`
}

/** The tutorial's line: it counts batches from 0. */
export function describeEvaluationBatch({ batch, accuracy }: EvaluationBatchEvent): string {
  return `Batch:${String(batch - 1).padStart(2, '0')}, Accuracy : ${toPercent(accuracy)}%\n`
}

/** Ends the lines of the batches. */
export function describeMean({ accuracy, samples }: EvaluationEvent): string {
  return `Mean over ${samples} images : ${toPercent(accuracy)}%\n`
}

/** What is confused with what, and how well each class is recognised. */
export function describeConfusions({ confusionMatrix, perClass }: EvaluationEvent): string {
  const confusions = ['Confusion matrix (row: label, column: answer, . : none)', ...drawMatrix(confusionMatrix)]
  return `\n${[...confusions, '', ...drawClasses(perClass)].join('\n')}\n\n`
}

/** With more classes than fit side by side, the columns go into blocks below each other. */
function drawMatrix(matrix: readonly (readonly number[])[]): string[] {
  const cellWidth = Math.max(...matrix.flat().map((count) => String(count).length), String(matrix.length - 1).length) + 1
  const labelWidth = String(matrix.length - 1).length
  const columns = Math.max(1, Math.floor((TABLE_COLUMNS - labelWidth) / cellWidth))
  const lines: string[] = []
  for (let first = 0; first < matrix.length; first += columns) {
    const answers = matrix.map((_, answer) => answer).slice(first, first + columns)
    const head = ['', ...answers.map(String)]
    const rows = matrix.map((row, label) => [String(label), ...answers.map((answer) => showCount(row[answer] ?? 0))])
    const widths = head.map((_, column) => (column === 0 ? labelWidth : cellWidth))
    lines.push(...(first === 0 ? [] : ['']))
    lines.push(...[head, ...rows].map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('')))
  }
  return lines
}

/** What never happened is a dot: so the eye finds the mistakes. */
function showCount(count: number): string {
  return count === 0 ? '.' : String(count)
}

function drawClasses(perClass: readonly ClassMetrics[]): string[] {
  const rows = perClass.map(({ label, precision, recall, f1, support }) => [
    String(label),
    ...[precision, recall, f1].map((share) => share.toFixed(4)),
    String(support),
  ])
  return drawColumns([['Class', 'Precision', 'Recall', 'F1', 'Support'], ...rows])
}

/** A share from 0 to 1 in percent. */
export function toPercent(share: number): string {
  return (share * 100).toFixed(2)
}
