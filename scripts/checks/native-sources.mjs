/**
 * Checks the C++ sources: their format (.clang-format), and that only native/napi and native/loader use Node-API. `--write` formats them
 * instead.
 *
 * clang-format comes from an npm package, so that every machine has the same version.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { format } from '@wasm-fmt/clang-format'

const ROOT = join(import.meta.dirname, '..', '..')
const STYLE = readFileSync(join(ROOT, '.clang-format'), 'utf8')
const SOURCE = /\.(?:cc|h)$/
/** The folders that may use Node-API; all other code is plain C++, tested without JavaScript. */
const SEAM = ['native/napi/', 'native/loader/']
const NODE_API = /^\s*#\s*include\s*[<"](?:napi|node_api|js_native_api|uv|v8|node)\b[^>"]*[>"]/m

function sources() {
  return ['native', 'tests/native', 'scripts/bench/peak'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && SOURCE.test(entry.name))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/')),
  )
}

function problemsOf(name, text, formatted) {
  const problems = []
  if (text !== formatted) problems.push('is not formatted; `npm run format` does it')
  const include = NODE_API.exec(text)
  if (include !== null && !SEAM.some((folder) => name.startsWith(folder))) {
    problems.push(`has "${include[0].trim()}", but only ${SEAM.join(' and ')} may know JavaScript`)
  }
  return problems.map((problem) => `${name} ${problem}`)
}

const write = process.argv.includes('--write')
const problems = []
for (const name of sources()) {
  const path = join(ROOT, name)
  const text = readFileSync(path, 'utf8')
  const formatted = format(text, name, STYLE)
  if (write && text !== formatted) writeFileSync(path, formatted)
  problems.push(...problemsOf(name, write ? formatted : text, formatted))
}
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
