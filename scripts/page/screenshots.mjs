/**
 * `npm run screenshots`: draws the pictures of the live page in the README and in docs/live-page.md, in a Chromium that the machine has.
 *
 * It trains a network in the page, so that what is shown is what a reader gets.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { ROOT } from '../bootstrap/places.mjs'
import { launchChromium } from './chromium.mjs'
import { startServer } from './serve.mjs'

const TARGET = join(ROOT, 'docs', 'screenshots')
const VIEW = { width: 1280, height: 800 }
const NARROW = { width: 390, height: 844 }
const QUALITY = 82

/** Of the pad's side. */
const SEVEN = [
  [0.28, 0.24],
  [0.5, 0.22],
  [0.72, 0.23],
  [0.62, 0.42],
  [0.52, 0.6],
  [0.45, 0.82],
]
const THREE = [
  [0.33, 0.28],
  [0.42, 0.19],
  [0.56, 0.18],
  [0.64, 0.27],
  [0.6, 0.4],
  [0.47, 0.47],
  [0.62, 0.54],
  [0.68, 0.67],
  [0.6, 0.8],
  [0.45, 0.84],
  [0.32, 0.76],
]

async function draw(page, points) {
  const box = await page.locator('.pad').boundingBox()
  const place = ([x, y]) => [box.x + x * box.width, box.y + y * box.height]
  await page.mouse.move(...place(points[0]))
  await page.mouse.down()
  for (const point of points.slice(1)) await page.mouse.move(...place(point), { steps: 6 })
  await page.mouse.up()
  await page.locator('.answer[aria-busy=false][data-delay]').waitFor()
  await page.locator('h2').first().hover()
  await page.evaluate('Promise.all(document.getAnimations().map(({ finished }) => finished))')
}

/** Smaller than Chromium's own PNG, and the same every time. */
async function shoot(page, name) {
  const png = await page.screenshot()
  await sharp(png)
    .webp({ quality: QUALITY })
    .toFile(join(TARGET, `${name}.webp`))
}

async function open(browser, url, settings) {
  const context = await browser.newContext({ viewport: VIEW, reducedMotion: 'no-preference', ...settings })
  const page = await context.newPage()
  await page.goto(url)
  await page.locator('.status:not(:empty)').waitFor()
  return page
}

mkdirSync(TARGET, { recursive: true })
const folder = mkdtempSync(join(tmpdir(), 'screenshots-'))
const server = await startServer(folder, process.argv.slice(2))
const browser = await launchChromium()
try {
  const trained = await open(browser, `${server.url}#train`, { colorScheme: 'light' })
  await trained.locator('input[value=quick]').check()
  await shoot(trained, 'train-begin')
  await trained.locator('button[type=submit]').click()
  await trained.locator('.mistakes li').first().waitFor({ timeout: 300_000 })
  await trained.locator('h1').hover()
  await shoot(trained, 'train')
  await trained.locator('h1:text("It has learned.")').waitFor({ timeout: 600_000 })
  const pictures = [
    ['draw', SEVEN, { colorScheme: 'light' }],
    ['draw-dark', THREE, { colorScheme: 'dark' }],
    ['draw-narrow', SEVEN, { colorScheme: 'light', viewport: NARROW, deviceScaleFactor: 2 }],
  ]
  for (const [name, points, settings] of pictures) {
    const page = await open(browser, server.url, settings)
    await draw(page, points)
    await shoot(page, name)
  }
} finally {
  await browser.close()
  await server.end()
  rmSync(folder, { recursive: true })
}
