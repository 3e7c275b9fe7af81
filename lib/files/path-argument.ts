import { fileURLToPath } from 'node:url'
import { type ErrorCode, TorchRnnError, unexpected } from '../errors'
import { quoteText } from '../text/unprintable'

/**
 * The path that a user names, as text or as a `file:` URL.
 *
 * @param name - What it is for, as errors name it.
 * @param expected - What it should be, in words: "the path of a folder".
 * @throws TorchRnnError `code` for anything else: an empty text, or a URL of something that is no file of this machine.
 */
export function toPath(value: unknown, name: string, expected: string, code: ErrorCode): string {
  if (typeof value === 'string' && value !== '') return value
  if (!isUrl(value)) throw unexpected(code, name, `${expected}, or a file: URL,`, value)
  try {
    return fileURLToPath(value.href)
  } catch (cause) {
    const actual = quoteText(value.href)
    const message = `Expected ${expected}, or a file: URL, for ${name} but received the URL ${actual}.`
    throw new TorchRnnError(code, message, { expected: `${expected}, or a file: URL`, actual, cause })
  }
}

/** By its parts, not by instanceof: the URL of another realm (a vm context, a test runner) is as good. */
function isUrl(value: unknown): value is { readonly href: string } {
  return typeof value === 'object' && value !== null && 'href' in value && 'protocol' in value && typeof value.href === 'string'
}
