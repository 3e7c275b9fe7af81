/** A browser without a window, driven by playwright-core. The machine has it already: nothing is downloaded. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What these tests use of a page of playwright-core, whose types are not there before `npm run test:browser` has installed it. */
export interface Page {
  goto(url: string): Promise<unknown>
  on(event: 'console', listener: (message: { type(): string; text(): string }) => void): void
  on(event: 'pageerror', listener: (error: Error) => void): void
  on(event: 'request', listener: (request: { url(): string }) => void): void
  /** Evaluates an expression in the page, and waits for it if it is a promise. */
  evaluate(expression: string): Promise<unknown>
  /** Waits until an expression is true in the page. */
  waitForFunction(expression: string): Promise<unknown>
  emulateMedia(media: MediaSettings): Promise<void>
  locator(selector: string): Locator
  readonly mouse: {
    move(x: number, y: number, options?: { steps: number }): Promise<void>
    down(): Promise<void>
    up(): Promise<void>
  }
  readonly keyboard: {
    press(key: string): Promise<void>
    down(key: string): Promise<void>
    up(key: string): Promise<void>
  }
  context(): BrowserContext
  close(): Promise<void>
}

interface MediaSettings {
  readonly colorScheme?: 'light' | 'dark'
  readonly reducedMotion?: 'reduce' | 'no-preference'
}

interface Locator {
  /** Waits until it is in the page and visible. */
  waitFor(): Promise<void>
  boundingBox(): Promise<{ x: number; y: number; width: number; height: number } | null>
  textContent(): Promise<string | null>
  allTextContents(): Promise<string[]>
  getAttribute(name: string): Promise<string | null>
  isVisible(): Promise<boolean>
  count(): Promise<number>
  click(): Promise<void>
  hover(): Promise<void>
  fill(text: string): Promise<void>
  focus(): Promise<void>
}

interface BrowserContext {
  /** Speaks to the browser itself, which can do more than playwright-core does. */
  newCDPSession(page: Page): Promise<{ send(method: string, parameters: object): Promise<unknown> }>
}

interface PageSettings extends MediaSettings {
  readonly viewport?: { readonly width: number; readonly height: number }
  readonly hasTouch?: boolean
}

export interface Browser {
  newPage(settings?: PageSettings): Promise<Page>
  close(): Promise<void>
}

interface Playwright {
  chromium: { launch(options: { executablePath: string; args: string[] }): Promise<Browser> }
}

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** The browser of the machine. @throws Error when there is none. */
function findChromium(): string {
  const named = process.env['CHROMIUM']
  if (named !== undefined) return named
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const found = PROGRAMS.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file))
  if (found !== undefined) return found
  throw new Error(`These tests need Chromium (${PROGRAMS.join(', ')}: none was found). Install it, or name its program in CHROMIUM.`)
}

export function startBrowser(): Promise<Browser> {
  const { chromium } = require(join(__dirname, 'tools', 'node_modules', 'playwright-core')) as Playwright
  // Chromium refuses to run as root inside its sandbox, as in many containers. It sees only pages of this repository here.
  const args = process.geteuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath: findChromium(), args })
}
