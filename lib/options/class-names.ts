/** The names of classes, as data sets and models are given them. */
import { TorchRnnError, unexpected } from '../errors'
import { checkOption } from './checks'
import { OPTIONS } from './options'

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
