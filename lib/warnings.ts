/** Things to know that stop nothing. In a program they are process warnings of Node; the command line shows them as its own. */

/** A stable, documented identifier of a warning. */
export type WarningCode =
  | 'TORCH_RNN_MNIST_CHECKPOINT_STAYS'
  | 'TORCH_RNN_MNIST_ENGINE'
  | 'TORCH_RNN_MNIST_NOT_BIT_EXACT'
  | 'TORCH_RNN_MNIST_NOT_FINITE'

let show = (message: string, code: WarningCode): void => process.emitWarning(message, { code })

/** Warns once. A program sees it with `process.on('warning')`; otherwise Node prints it. */
export function warn(code: WarningCode, message: string): void {
  show(message, code)
}

const given = new Set<string>()

/** Warns, unless the program was told the same before. */
export function warnOnce(code: WarningCode, message: string): void {
  if (given.has(message)) return
  given.add(message)
  warn(code, message)
}

/** From now on, gives warnings to `receive` instead of Node. */
export function showWarningsWith(receive: (message: string, code: WarningCode) => void): void {
  show = receive
}
