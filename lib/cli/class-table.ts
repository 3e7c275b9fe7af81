import type { ClassMetrics } from '../model/evaluation'
import { drawColumns } from '../text/table'

/** How well each class is recognised, as a table. */
export function drawClasses(perClass: readonly ClassMetrics[]): string[] {
  const rows = perClass.map(({ label, precision, recall, f1, support }) => [
    String(label),
    ...[precision, recall, f1].map((share) => share.toFixed(4)),
    String(support),
  ])
  return drawColumns([['Class', 'Precision', 'Recall', 'F1', 'Support'], ...rows])
}
