/** A Chromium of the machine, driven by the package that the browser tests use. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { ROOT } from '../bootstrap/places.mjs'

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

export async function launchChromium() {
  const { chromium } = createRequire(import.meta.url)(join(ROOT, 'tests', 'browser', 'tools', 'node_modules', 'playwright-core'))
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found =
    process.env.CHROMIUM ?? PROGRAMS.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file))
  if (found === undefined)
    throw new Error(`This needs Chromium (${PROGRAMS.join(', ')}: none was found). Install it, or name it in CHROMIUM.`)
  return await chromium.launch({ executablePath: found, args: process.geteuid?.() === 0 ? ['--no-sandbox'] : [] })
}
