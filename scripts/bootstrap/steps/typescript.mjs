/** Compiles lib/ into dist/, except the live page, which page.mjs bundles. */
import { chmodSync, rmSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { CHARTS_BUNDLE, DIST, ROOT } from '../places.mjs'
import { filesBelow, hashFiles } from '../stamps.mjs'
import { PAGE_FILES, PAGE_SOURCES } from './page.mjs'

const LIB = join(ROOT, 'lib')
/** Sources that are compiled. */
const sources = (endings) => filesBelow(LIB, endings).filter((file) => !file.startsWith(PAGE_SOURCES + sep))

const PROGRAM = join(DIST, 'cli', 'main.js')

/** @type {import('../set-up.mjs').Step} */
export const typescript = {
  name: 'typescript',
  title: 'compiling TypeScript',
  advice: 'The lines above name the file and line.',
  needs: () => [],
  fingerprint: () => hashFiles(ROOT, [...sources(), join(ROOT, 'tsconfig.json'), join(ROOT, 'package-lock.json')]),
  outputs: () =>
    sources(['.ts', '.mts']).flatMap((file) => {
      const target = join(DIST, relative(LIB, file)).replace(/ts$/, '')
      return [`${target}js`, `${target}js.map`, target.endsWith('.m') ? `${target.slice(0, -2)}.d.mts` : `${target}d.ts`]
    }),
  async run({ tool }) {
    // With errors nothing is written: the previous build keeps working.
    await tool({ command: process.execPath, args: [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '--noEmitOnError'] })
    const expected = new Set([...this.outputs(), CHARTS_BUNDLE, ...PAGE_FILES])
    for (const file of filesBelow(DIST)) if (!expected.has(file)) rmSync(file) // Its source is gone.
    chmodSync(PROGRAM, 0o755)
  },
}
