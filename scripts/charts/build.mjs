/**
 * Bundles what draws pictures into one CommonJS file: `node scripts/charts/build.mjs`. Also lists the packages in it, whose licences
 * `npm run package` copies.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { build } from 'vite'
import { CHARTS_BUNDLE, CHARTS_PACKAGES, ROOT } from '../bootstrap/places.mjs'

const { output } = await bundle()
const names = packagesOf(output.flatMap((chunk) => ('moduleIds' in chunk ? chunk.moduleIds : [])))
writeFileSync(CHARTS_PACKAGES, `${JSON.stringify(names, undefined, 2)}\n`)

/** @returns {Promise<{ output: any[] }>} */
async function bundle() {
  const result = await build({
    configFile: false,
    root: ROOT,
    logLevel: 'warn',
    ssr: { noExternal: true },
    build: {
      ssr: join(import.meta.dirname, 'plot-bundle.mjs'),
      outDir: dirname(CHARTS_BUNDLE),
      emptyOutDir: false, // What TypeScript compiles lies there, too.
      target: 'node20',
      minify: true,
      rolldownOptions: { output: { format: 'cjs', entryFileNames: basename(CHARTS_BUNDLE), codeSplitting: false } },
    },
  })
  if (!('output' in result)) throw new Error('Expected one bundle from vite.')
  return result
}

/** The packages that modules belong to, with their versions, sorted. */
function packagesOf(modules) {
  const folders = new Set(modules.filter((id) => id.includes(`${sep}node_modules${sep}`)).map(folderOf))
  const found = Array.from(folders, (folder) => {
    const { name, version } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))
    return { name, version, folder }
  })
  return found.sort((one, other) => (one.name < other.name ? -1 : 1))
}

/** "node_modules/@observablehq/plot", for any file below it. */
function folderOf(module) {
  const parts = relative(ROOT, module).split(sep)
  const at = parts.lastIndexOf('node_modules')
  return parts.slice(0, at + (parts[at + 1].startsWith('@') ? 3 : 2)).join('/')
}
