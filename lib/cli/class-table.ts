import { numberAndName } from '../data/class-names'
import type { ClassMetrics } from '../model/evaluation'
import { drawColumns } from '../text/table'

/** How well each class is recognised, as a table. */
export function drawClasses(perClass: readonly ClassMetrics[]): string[] {
  const rows = perClass.map(({ label, name, precision, recall, f1, support }) => [
    numberAndName(label, name),
    ...[precision, recall, f1].map((share) => share.toFixed(4)),
    String(support),
  ])
  return drawColumns([['Class', 'Precision', 'Recall', 'F1', 'Support'], ...rows])
}
