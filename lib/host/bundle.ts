/** Whether a bundler made this package a part of another file, away from its addon and its data. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TorchRnnError } from '../errors'
import { PACKAGE_ROOT } from '../version'

const NAME = 'torch-rnn-mnist'

const ADVICE = `Leave it out of the bundle, so that it is loaded from node_modules at run time:
  esbuild: --external:${NAME}; webpack: externals: { '${NAME}': 'commonjs ${NAME}' }; Rollup: external: ['${NAME}'];
  Vite: ssr: { external: ['${NAME}'] }; Next.js: serverExternalPackages: ['${NAME}']. The README says more.`

/** @throws TorchRnnError `ERR_LIBRARY_LOAD` in a bundle. */
export function checkNotBundled(): void {
  if (isInItsPackage()) return
  const where = typeof __filename === 'undefined' ? 'another file' : __filename
  const message = `Could not load ${NAME}: a bundler made it a part of ${where}, where it finds neither its addon nor its data.\n  ${ADVICE}`
  throw new TorchRnnError('ERR_LIBRARY_LOAD', message)
}

/** In a bundle, what should be the folder of this package is some folder near the bundle. */
function isInItsPackage(): boolean {
  try {
    return (JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { name?: unknown }).name === NAME
  } catch (error) {
    const { code = 'ENOENT' } = error as NodeJS.ErrnoException // A file without JSON is another package's.
    return code !== 'ENOENT' && code !== 'ENOTDIR' // It is there, but there are too many open files, for instance.
  }
}
