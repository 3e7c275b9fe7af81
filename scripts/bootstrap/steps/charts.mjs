/** Bundles what draws pictures into dist/charts. */
import { join } from 'node:path'
import { CHARTS_BUNDLE, CHARTS_PACKAGES, ROOT } from '../places.mjs'
import { filesBelow, hashFiles } from '../stamps.mjs'

const SCRIPTS = join(ROOT, 'scripts', 'charts')

/** @type {import('../set-up.mjs').Step} */
export const charts = {
  name: 'charts',
  title: 'bundling what draws pictures',
  advice: 'The lines above say what is wrong.',
  needs: () => [],
  fingerprint: () => hashFiles(ROOT, [...filesBelow(SCRIPTS), join(ROOT, 'package-lock.json')]),
  outputs: () => [CHARTS_BUNDLE, CHARTS_PACKAGES],
  async run({ tool }) {
    await tool({ command: process.execPath, args: [join(SCRIPTS, 'build.mjs')] })
  },
}
