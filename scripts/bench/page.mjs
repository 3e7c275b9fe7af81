/**
 * How long the live page takes from a piece of a stroke to the answer on the screen, in a Chromium without a window: while nothing else
 * happens, and while a network trains in the same page. The page itself tells: from the pointer's event to the new state of the page.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { launchChromium } from '../page/chromium.mjs'
import { startServer } from '../page/serve.mjs'
import { describeMachine } from './machine.mjs'
import { inTurns, percentile, spread } from './measure.mjs'
import { integerOption, jsonOption, roundsOption } from './options.mjs'
import { checkResultsFile, showSpread, writeResults } from './report.mjs'

/** Of one 60th of a second each: as often as a mouse moves. */
const PIECE_MS = 16

/** In the page: keeps the delay of each answer that it shows. */
const WATCH = `
  globalThis.delays = []
  globalThis.watcher?.disconnect()
  globalThis.watcher = new MutationObserver(() => {
    const delay = Number(document.querySelector('.answer')?.dataset.delay)
    if (delay !== delays.at(-1)) delays.push(delay)
  })
  watcher.observe(document.querySelector('.draw'), { attributeFilter: ['data-delay'], childList: true, subtree: true })`

/** Draws a ring in so many pieces. Returns the delay of each answer that the page has shown. */
async function drawRing(page, pieces) {
  await page.evaluate(WATCH)
  const box = await page.locator('.pad').boundingBox()
  const placeAt = (share) => {
    const angle = share * 2 * Math.PI
    return [box.x + box.width * (0.5 + 0.22 * Math.sin(angle)), box.y + box.height * (0.5 - 0.34 * Math.cos(angle))]
  }
  await page.mouse.move(...placeAt(0))
  await page.mouse.down()
  for (let piece = 1; piece <= pieces; piece += 1) {
    await page.mouse.move(...placeAt(piece / pieces))
    await page.waitForTimeout(PIECE_MS)
  }
  await page.mouse.up()
  await page.locator('.answer[aria-busy=false][data-delay]').waitFor()
  const delays = await page.evaluate('delays.filter((delay) => !Number.isNaN(delay))')
  await page.locator('button:text("Clear")').click()
  await page.locator('.welcome').waitFor()
  return delays
}

async function setTraining(page, shouldRun) {
  const start = "fetch('/api/training', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{\"epochs\":100}' })"
  await page.evaluate(`${shouldRun ? start : "fetch('/api/training/stop', { method: 'POST' })"}.then(({ status }) => status)`)
  await page.locator(shouldRun ? '.status:text("right so far")' : '.status:text("neurons")').waitFor({ timeout: 120_000 })
}

const summaryOf = (delays) => ({ p50: percentile(delays, 50), p95: percentile(delays, 95), answers: delays.length })

async function run(options) {
  checkResultsFile(options.json)
  const machine = await describeMachine()
  const folder = mkdtempSync(join(tmpdir(), 'page-'))
  const server = await startServer(folder)
  const browser = await launchChromium()
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
    await page.goto(server.url)
    await page.locator('.status:not(:empty)').waitFor()
    const draw = async () => summaryOf(await drawRing(page, options.pieces))
    const contestants = [
      { name: 'alone', warmUp: draw, measure: draw },
      {
        name: 'while a network trains',
        measure: async () => {
          await setTraining(page, true)
          const result = await draw()
          await setTraining(page, false)
          return result
        },
      },
    ]
    const results = await inTurns(options.rounds, contestants, (round, all) => {
      const texts = all.map(
        ({ p50, p95, answers }, index) => `${contestants[index].name} ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms (${answers})`,
      )
      console.log(`${round}: ${texts.join('; ')}`)
    })
    const rows = results.map((rounds, index) => [
      contestants[index].name,
      ...['p50', 'p95'].map((name) => showSpread(spread(rounds.map((round) => round[name])), 1)),
    ])
    const measured = results.map((rounds, index) => ({ name: contestants[index].name, rounds }))
    const table = [['from a stroke to the answer, ms', 'median', '95th percentile'], ...rows]
    console.log(table.map((row) => row.join(' | ')).join('\n'))
    writeResults(options.json, { benchmark: 'page', machine, options, measured, tables: [table] })
  } finally {
    await browser.close()
    await server.end()
    rmSync(folder, { recursive: true })
  }
}

export function pageCommand() {
  return new Command('page')
    .summary('the time from a stroke on the live page to its answer, alone and while a network trains; needs Chromium')
    .addOption(integerOption('pieces', 'pieces of a stroke', 120))
    .addOption(roundsOption(5))
    .addOption(jsonOption())
    .action(run)
}
