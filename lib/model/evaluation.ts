/** What is measured when a model is evaluated. */
import type { NativeEvaluation, NativeMistakes } from '../addon/binding'

/** How well one class is recognised. A ratio of nothing (no such answer, no such sample) counts as 0, as in scikit-learn. */
export interface ClassMetrics {
  /** The class, 0 to C - 1. */
  label: number
  /** What it is called; only where the classes have names. */
  name?: string
  /** Share of the samples with this answer for which the answer is right, 0 to 1. */
  precision: number
  /** Share of the samples of this class that got this answer, 0 to 1. */
  recall: number
  /** Harmonic mean of precision and recall. */
  f1: number
  /** Samples of this class. */
  support: number
}

/** A sample of a data set that was not recognised. */
export interface MistakenSample {
  /** Its position in the data set, from 0. */
  sample: number
  /** Its class. */
  label: number
  /** The class that it was taken for. */
  answer: number
  /** How sure the model was of the answer, from 0 to 1. */
  probability: number
}

/** How well a model does on a data set. */
export interface Evaluation {
  /** Share of samples classified correctly, 0 to 1. */
  accuracy: number
  /** Mean cross entropy over the samples, in nats. */
  loss: number
  /** Number of samples, N. */
  samples: number
  /** `[C][C]` counts: row = the label, column = the model's answer. */
  confusionMatrix: number[][]
  /** One entry for each class, by label. */
  perClass: ClassMetrics[]
  /** Duration of the evaluation. */
  seconds: number
  /** The mistakes that the model is surest of; of equally sure ones, the first of the data set. Only where some were asked for. */
  mistakes?: MistakenSample[]
}

/** Adds to what the addon measured everything that follows from the confusion matrix. */
export function toEvaluation({ loss, samples, seconds, confusion }: NativeEvaluation, classNames?: readonly string[]): Evaluation {
  const [classes = 0] = confusion.shape
  const rows = Array.from({ length: classes }, (_, label) => Array.from(confusion.data.subarray(label * classes, (label + 1) * classes)))
  return evaluationOf({ loss, samples, seconds, confusionMatrix: rows }, classNames)
}

/** @param labelOf - The class of a sample. */
export function toMistakes({ samples, answers, probabilities }: NativeMistakes, labelOf: (sample: number) => number): MistakenSample[] {
  return Array.from(samples.data, (sample, index) => {
    const [answer, probability] = [answers.data[index] as number, probabilities.data[index] as number]
    return { sample, label: labelOf(sample), answer, probability }
  })
}

/** Completes what was counted with everything that follows from the confusion matrix. */
export function evaluationOf(
  { loss, samples, seconds, confusionMatrix }: Omit<Evaluation, 'accuracy' | 'perClass'>,
  classNames?: readonly string[],
): Evaluation {
  const perClass = confusionMatrix.map((_, label) => {
    const name = classNames?.[label]
    return { label, ...(name === undefined ? {} : { name }), ...classMetrics(confusionMatrix, label) }
  })
  const hits = confusionMatrix.reduce((sum, row, label) => sum + (row[label] ?? 0), 0)
  return { accuracy: hits / samples, loss, samples, confusionMatrix, perClass, seconds }
}

/** Joins the evaluations of one model on the parts of a data set to that of the whole data set. Every mean is over samples, not over parts. */
export function combineEvaluations(parts: readonly Evaluation[]): Evaluation {
  const samples = sum(parts.map((part) => part.samples))
  const loss = sum(parts.map((part) => part.loss * part.samples)) / samples
  const matrices = parts.map((part) => part.confusionMatrix)
  const confusionMatrix = (matrices[0] ?? []).map((row, label) =>
    row.map((_, answer) => sum(matrices.map((matrix) => matrix[label]?.[answer] ?? 0))),
  )
  const seconds = sum(parts.map((part) => part.seconds))
  return evaluationOf({ loss, samples, confusionMatrix, seconds }, classNamesOf(parts[0]?.perClass ?? []))
}

/** The names of the classes of an evaluation; undefined where they have none. */
export function classNamesOf(perClass: readonly ClassMetrics[]): readonly string[] | undefined {
  const names = perClass.flatMap(({ name }) => (name === undefined ? [] : [name]))
  return names.length === perClass.length && names.length > 0 ? names : undefined
}

function classMetrics(confusionMatrix: readonly (readonly number[])[], label: number): Omit<ClassMetrics, 'label' | 'name'> {
  const hits = confusionMatrix[label]?.[label] ?? 0
  const support = sum(confusionMatrix[label] ?? [])
  const answers = sum(confusionMatrix.map((row) => row[label] ?? 0))
  const [precision, recall] = [ratio(hits, answers), ratio(hits, support)]
  return { precision, recall, f1: ratio(2 * precision * recall, precision + recall), support }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
