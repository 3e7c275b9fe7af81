/** Bundles the live page, lib/server/page, into dist/server/page. */
import { join } from 'node:path'
import { DIST, ROOT } from '../places.mjs'
import { filesBelow, hashFiles } from '../stamps.mjs'

/** The sources of the page, which the compiler of lib/ leaves alone. */
export const PAGE_SOURCES = join(ROOT, 'lib', 'server', 'page')
/** What is served, by lib/server/page-files.ts. */
export const PAGE_FILES = ['index.html', 'page.js', 'page.css', 'icon.svg'].map((name) => join(DIST, 'server', 'page', name))

const CONFIG = join(ROOT, 'scripts', 'page', 'vite.config.mjs')

/** @type {import('../set-up.mjs').Step} */
export const page = {
  name: 'page',
  title: 'bundling the live page',
  advice: 'The lines above name the file and line.',
  needs: () => [],
  fingerprint: () => hashFiles(ROOT, [...filesBelow(PAGE_SOURCES), CONFIG, join(ROOT, 'package-lock.json')]),
  outputs: () => PAGE_FILES,
  async run({ tool }) {
    await tool({ command: process.execPath, args: [join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', '--config', CONFIG] })
  },
}
