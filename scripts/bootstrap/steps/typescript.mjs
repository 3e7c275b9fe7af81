/** Compiles lib/ into dist/. */
import { chmodSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { CHARTS_BUNDLE, DIST, ROOT } from '../places.mjs'
import { filesBelow, hashFiles } from '../stamps.mjs'

const LIB = join(ROOT, 'lib')
const PROGRAM = join(DIST, 'cli', 'main.js')

/** @type {import('../set-up.mjs').Step} */
export const typescript = {
  name: 'typescript',
  title: 'compiling TypeScript',
  advice: 'The lines above name the file and line.',
  needs: () => [],
  fingerprint: () => hashFiles(ROOT, [...filesBelow(LIB), join(ROOT, 'tsconfig.json'), join(ROOT, 'package-lock.json')]),
  outputs: () =>
    filesBelow(LIB, ['.ts', '.mts']).flatMap((file) => {
      const target = join(DIST, relative(LIB, file)).replace(/ts$/, '')
      return [`${target}js`, `${target}js.map`, target.endsWith('.m') ? `${target.slice(0, -2)}.d.mts` : `${target}d.ts`]
    }),
  async run({ tool }) {
    // With errors nothing is written: the previous build keeps working.
    await tool({ command: process.execPath, args: [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '--noEmitOnError'] })
    const expected = new Set([...this.outputs(), CHARTS_BUNDLE])
    for (const file of filesBelow(DIST)) if (!expected.has(file)) rmSync(file) // Its source is gone.
    chmodSync(PROGRAM, 0o755)
  },
}
