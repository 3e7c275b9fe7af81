/** What the classes of data sets and models are called. */
import { TorchRnnError, unexpected } from '../errors'
import { checkOption } from '../options/checks'
import { OPTIONS } from '../options/options'

/** A class as a text: its name, or its number where it has none. The one place that decides it. */
export function nameOfClass(label: number, classNames?: readonly string[]): string {
  return classNames?.[label] ?? String(label)
}

/**
 * Names as given, checked and copied.
 *
 * @param numClasses - How many there must be. Absent: as many as there are.
 * @throws TorchRnnError `ERR_INVALID_OPTION` for anything but different printable texts, or another number of them.
 */
export function checkClassNames(names: unknown, numClasses?: number): readonly string[] {
  const checked = checkOption('classNames', OPTIONS.labelling.classNames, names)
  const twice = checked.find((name, index) => checked.indexOf(name) !== index)
  if (twice !== undefined) throw unexpected('ERR_INVALID_OPTION', 'classNames', 'different names', twice, 'It stands there twice.')
  if (numClasses !== undefined && checked.length !== numClasses) {
    const [expected, actual] = [`${numClasses} names, one for each class,`, String(checked.length)]
    throw new TorchRnnError('ERR_INVALID_OPTION', `Expected ${expected} for classNames but received ${actual}.`, { expected, actual })
  }
  return Object.freeze([...checked])
}

/** The longest name in a table. */
const MAX_SHOWN_NAME = 16

/** A class in a table: its number, and its name where that says more: "3 Dress". */
export function numberAndName(label: number, name: string | undefined): string {
  if (name === undefined || name === String(label)) return String(label)
  const characters = Array.from(name)
  return `${label} ${characters.length > MAX_SHOWN_NAME ? `${characters.slice(0, MAX_SHOWN_NAME - 1).join('')}…` : name}`
}
