/** Errors of the addon on their way to the user. */
import { type ErrorCode, TorchRnnError } from '../errors'
import { describeCuda, knownCudaDevices, native } from './native'

/** What native code throws or rejects with. */
interface NativeError {
  readonly code: ErrorCode
  readonly message: string
  readonly detail?: string
}

function isNativeError(error: unknown): error is NativeError {
  return (
    typeof error === 'object' &&
    error !== null &&
    !(error instanceof TorchRnnError) &&
    String((error as { code?: unknown }).code).startsWith('ERR_')
  )
}

/** From where a public method was called. */
export interface Caller {
  readonly stack: string
}

/** To be used before the method's first `await`: after it, its caller is not on the stack any more. */
export function callerOf(method: (...args: never[]) => unknown): Caller {
  const caller = { stack: '' }
  Error.captureStackTrace(caller, method)
  return caller
}

/** An error of the addon as a {@link TorchRnnError}, with the stack of the caller where it is given; everything else as it is. */
export function toPublicError(error: unknown, caller?: Caller): unknown {
  if (!isNativeError(error)) return error
  const lacksCuda = error.code === 'ERR_DEVICE_UNAVAILABLE' && (knownCudaDevices() || native().cudaDeviceCount()) === 0
  const message = lacksCuda ? `${error.message} Why: ${describeCuda()}.` : error.message
  const result = new TorchRnnError(error.code, message, error.detail === undefined ? {} : { detail: error.detail })
  if (caller !== undefined) result.stack = `${result.name}: ${result.message}\n${caller.stack.split('\n').slice(1).join('\n')}`
  return result
}

/** Makes a synchronous call to the addon. @throws TorchRnnError */
export function translated<Result>(call: () => Result): Result {
  try {
    return call()
  } catch (error) {
    throw toPublicError(error)
  }
}
