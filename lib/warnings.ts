/** Things to know that stop nothing. In a program they are process warnings of Node; the command line shows them as its own. */

/** A stable, documented identifier of a warning. */
export type WarningCode = 'TORCH_RNN_MNIST_CHECKPOINT_STAYS' | 'TORCH_RNN_MNIST_NOT_BIT_EXACT' | 'TORCH_RNN_MNIST_NOT_FINITE'

let show = (message: string, code: WarningCode): void => process.emitWarning(message, { code })

/** Warns once. A program sees it with `process.on('warning')`; otherwise Node prints it. */
export function warn(code: WarningCode, message: string): void {
  show(message, code)
}

/** From now on, gives warnings to `receive` instead of Node. */
export function showWarningsWith(receive: (message: string, code: WarningCode) => void): void {
  show = receive
}
