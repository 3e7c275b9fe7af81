/** The live page in a real browser: drawing in every way, looking at the rows, training, and whether everybody can use it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ImageRNN, loadMnist } from '../../lib'
import { MAIN } from '../support/command-line'
import { type RunningProgram, startNode } from '../support/run-program'
import { useSharedTemporaryFolder } from '../support/temporary-folder'
import { writeTinyMnist } from '../support/tiny-mnist'
import { type Browser, type Page, startBrowser } from './browser'

const path = useSharedTemporaryFolder()

const AXE = readFileSync(join(__dirname, 'tools', 'node_modules', 'axe-core', 'axe.min.js'), 'utf8')

const NAMES = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']

let browser: Browser
let server: RunningProgram
let url: string
let page: Page
/** What went wrong in the page. */
let complaints: string[]
/** Everything that the page asked for. */
let requests: string[]

beforeAll(async () => {
  // A network that reads drawn digits, which takes some seconds of training.
  const { train } = await loadMnist()
  const model = new ImageRNN({ hiddenSize: 64, numLayers: 2, device: 'cpu' })
  await model.train(train, { epochs: 1, learningRate: 0.003 })
  await model.save(path('model.safetensors'))
  const named = new ImageRNN({ hiddenSize: 64, numLayers: 2, device: 'cpu', classNames: NAMES })
  await named.loadStateDict(await model.stateDict())
  await named.save(path('named.safetensors'))
  for (const each of [model, named]) each.dispose()
  writeTinyMnist(path('data'))
  browser = await startBrowser()
}, 120_000)

afterAll(async () => {
  await browser?.close()
})

async function serve(model: string): Promise<void> {
  const args = ['serve', '--model', model, '--data', 'data', '--port', '0', '--device', 'cpu', '--threads', '1', '--json']
  server = startNode([MAIN, ...args], { cwd: path() })
  url = (JSON.parse(await server.line(/"type":"start"/)) as { url: string }).url
}

beforeEach(async () => {
  await serve('model.safetensors')
  complaints = []
  requests = []
})

afterEach(async () => {
  await page?.close()
  // The server is ended before the page is closed.
  expect(complaints.filter((each) => !each.includes('ERR_INCOMPLETE_CHUNKED_ENCODING'))).toEqual([])
  // Nothing leaves the machine, and nothing else on it is asked.
  expect(requests.length).toBeGreaterThan(0)
  expect(requests.filter((each) => !each.startsWith(url))).toEqual([])
})

/** @param screen - `#draw` or `#train`. */
async function open(screen: string, settings: Parameters<Browser['newPage']>[0] = {}): Promise<void> {
  page = await browser.newPage(settings)
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => requests.push(request.url()))
  await page.goto(`${url}${screen}`)
  await page.locator('.status:not(:empty)').waitFor()
}

type Stroke = readonly (readonly [x: number, y: number])[]

const RING: Stroke = Array.from({ length: 31 }, (_, index) => {
  const angle = (index / 30) * 2 * Math.PI - Math.PI / 2
  return [0.5 + 0.22 * Math.cos(angle), 0.5 + 0.34 * Math.sin(angle)] as const
})
const SEVEN: readonly Stroke[] = [
  [
    [0.25, 0.18],
    [0.73, 0.18],
    [0.43, 0.87],
  ],
]

/** Digits as strokes, in shares of the pad. */
const DIGITS: readonly (readonly [digit: number, strokes: readonly Stroke[]])[] = [
  [0, [RING]],
  [
    1,
    [
      [
        [0.54, 0.14],
        [0.46, 0.86],
      ],
    ],
  ],
  [
    4,
    [
      [
        [0.32, 0.14],
        [0.25, 0.54],
        [0.75, 0.54],
      ],
      [
        [0.66, 0.18],
        [0.59, 0.89],
      ],
    ],
  ],
  [7, SEVEN],
]

/** Where a point of the pad is on the screen. */
async function placesOf(stroke: Stroke): Promise<[number, number][]> {
  const box = await page.locator('.pad').boundingBox()
  if (box === null) throw new Error('There is no pad.')
  return stroke.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height])
}

async function drawWithMouse(strokes: readonly Stroke[]): Promise<void> {
  for (const stroke of strokes) {
    const [first, ...rest] = await placesOf(stroke)
    await page.mouse.move(...(first as [number, number]))
    await page.mouse.down()
    for (const place of rest) await page.mouse.move(...place, { steps: 4 })
    await page.mouse.up()
  }
}

/** The answer, once there is one to the whole drawing. */
async function answer(): Promise<string | null> {
  await page.locator('.answer[aria-busy=false][data-delay]').waitFor()
  return await page.locator('#answer').textContent()
}

async function clear(): Promise<void> {
  await page.locator('button:text("Clear")').click()
  await page.locator('.welcome').waitFor()
}

test('what is drawn with the mouse is read while it is drawn', async () => {
  await open('#draw')
  for (const [digit, strokes] of DIGITS) {
    await drawWithMouse(strokes)
    expect([digit, await answer()]).toEqual([digit, String(digit)])
    await clear()
  }
  // The pen is still down: there is an answer already.
  const [first, second] = await placesOf(RING)
  await page.mouse.move(...(first as [number, number]))
  await page.mouse.down()
  await page.mouse.move(...(second as [number, number]))
  expect(await answer()).toMatch(/^\d$/)
  await page.mouse.up()
})

test('classes are called by their names', async () => {
  server.signal('SIGTERM')
  await server.ended
  await serve('named.safetensors')
  await open('#draw', { viewport: { width: 390, height: 700 } })
  await drawWithMouse(SEVEN)
  expect(await answer()).toBe('seven')
  expect(await page.locator('.bars .name').allTextContents()).toEqual(NAMES)
  expect(await page.locator('.thinks figcaption').textContent()).toMatch(/^It thinks seven, /)
  // There is no room for a word.
  expect(await page.locator('.leaders .now').textContent()).toBe('7')
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
})

test('a finger draws, and does not scroll', async () => {
  await open('#draw', { hasTouch: true, viewport: { width: 390, height: 700 } })
  const browserSession = await page.context().newCDPSession(page)
  const touch = (type: string, points: readonly (readonly [number, number])[]) =>
    browserSession.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y]) => ({ x, y })) })
  const [first, ...rest] = await placesOf([...(SEVEN[0] as Stroke)])
  await touch('touchStart', [first as [number, number]])
  for (const place of rest) await touch('touchMove', [place])
  await touch('touchEnd', [])
  expect(await answer()).toBe('7')
  expect(await page.evaluate('scrollY')).toBe(0)
})

test('a pen draws', async () => {
  await open('#draw')
  const browserSession = await page.context().newCDPSession(page)
  const [first, ...rest] = await placesOf(SEVEN[0] as Stroke)
  const move = (type: string, [x, y]: readonly [number, number]) =>
    browserSession.send('Input.dispatchMouseEvent', {
      type,
      x,
      y,
      button: 'left',
      buttons: 1,
      clickCount: 1,
      pointerType: 'pen',
      force: 0.5,
    })
  await move('mousePressed', first as [number, number])
  for (const place of rest) await move('mouseMoved', place)
  await move('mouseReleased', rest.at(-1) as [number, number])
  expect(await answer()).toBe('7')
})

/** Presses Tab until an element has the focus that matches. */
async function tabTo(selector: string): Promise<void> {
  for (let presses = 0; presses < 40; presses += 1) {
    if ((await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) === true) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab does not lead to ${selector}`)
}

async function press(key: string, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) await page.keyboard.press(key)
}

test('the keyboard alone draws, steps through the rows, starts a training and stops it', async () => {
  await open('#draw')
  await tabTo('.pad')
  expect(await page.locator('#pad-keys').isVisible()).toBe(true)
  await page.keyboard.press('Space')
  await press('ArrowRight', 18)
  for (let step = 0; step < 12; step += 1) {
    await press('ArrowDown', 2)
    await press('ArrowLeft', 1)
  }
  await page.keyboard.press('Space')
  expect(await answer()).toBe('7')
  // The pen is lifted: it moves without drawing.
  const drawn = await page.evaluate('document.querySelector(".pad canvas").toDataURL()')
  await press('ArrowRight', 5)
  expect(await page.evaluate('document.querySelector(".pad canvas").toDataURL()')).toBe(drawn)

  await tabTo('input[type=range]')
  await press('ArrowLeft', 14)
  expect(await page.locator('.when').textContent()).toBe('After row 14 of 28')
  await press('ArrowRight', 14)
  expect(await page.locator('.when').textContent()).toBe('After all 28 rows')

  await page.locator('nav a >> nth=0').focus()
  await tabTo('a[href="#train"]')
  await page.keyboard.press('Enter')
  await page.locator('.settings').waitFor()
  await tabTo('#epochs')
  await page.keyboard.press('Control+A')
  for (const digit of '100') await page.keyboard.press(digit)
  await tabTo('button[type=submit]')
  await page.keyboard.press('Enter')
  await page.locator('h1:text("Learning, epoch")').waitFor()
  await tabTo('.headline button')
  await page.keyboard.press('Enter')
  await page.locator('h1:text("Stopped.")').waitFor()

  await page.locator('nav a >> nth=0').focus()
  await page.keyboard.press('Enter')
  await tabTo('.pad')
  await page.keyboard.press('Delete')
  await page.locator('.welcome').waitFor()
})

test('a held space bar draws until it is released', async () => {
  await open('#draw')
  await tabTo('.pad')
  await page.keyboard.down('Space')
  await press('ArrowDown', 20)
  await page.keyboard.up('Space')
  expect(await answer()).toBe('1')
  const drawn = await page.evaluate('document.querySelector(".pad canvas").toDataURL()')
  await press('ArrowRight', 5)
  expect(await page.evaluate('document.querySelector(".pad canvas").toDataURL()')).toBe(drawn)
})

/** The places of the marks of the row, in shares of their pictures. */
async function marks(): Promise<string[]> {
  return (await page.evaluate('Array.from(document.querySelectorAll(".mark"), ({ style }) => style.top)')) as string[]
}

test('a row is chosen with the slider or pointed at, and is marked in all pictures', async () => {
  await open('#draw')
  await drawWithMouse(SEVEN)
  expect(await answer()).toBe('7')
  // What it sees, two layers, and what it thinks.
  expect(await page.locator('.panel').count()).toBe(4)
  expect(new Set(await marks())).toEqual(new Set(['96.4286%']))
  await page.locator('input[type=range]').fill('8')
  expect(new Set(await marks())).toEqual(new Set(['25%']))
  expect(await page.locator('.when').textContent()).toBe('After row 8 of 28')
  const field = await page.locator('.panel.seen .field').boundingBox()
  if (field === null) throw new Error('There is no picture.')
  await page.mouse.move(field.x + 20, field.y + (20.5 / 28) * field.height)
  expect(await page.locator('.when').textContent()).toBe('After row 21 of 28')
  await page.mouse.move(2, 2)
  expect(await page.locator('.when').textContent()).toBe('After row 8 of 28')
  // The rows follow each other until the last one.
  await page.locator('button:text("Play")').click()
  await page.locator('.when:text("After all 28 rows")').waitFor()
  await page.locator('.play:text("Play")').waitFor()
})

/** Points of the first curve. */
async function points(): Promise<number> {
  return Number(await page.locator('.curve svg >> nth=0').getAttribute('data-points'))
}

/** Waits until the curve has so many points. */
async function untilPoints(count: number): Promise<void> {
  while ((await points()) < count) await page.locator('.curve svg >> nth=0').hover()
}

test('a training is started, its curve grows, its mistakes are shown, and it is stopped', async () => {
  await open('#train')
  await page.locator('#epochs').fill('100')
  await page.locator('#hiddenSize').fill('32')
  await page.locator('button[type=submit]').click()
  await page.locator('h1:text("Learning, epoch")').waitFor()
  await untilPoints(3)
  await untilPoints((await points()) + 1)
  await page.locator('.mistakes li >> nth=0').waitFor()
  expect(await page.locator('.mistakes .lead').textContent()).toMatch(/^\d+ of the first 100 test images, after/)
  await page.locator('.headline button').click()
  await page.locator('h1:text("Stopped.")').waitFor()
  expect(await page.locator('.headline .lead').textContent()).toMatch(/Saved in runs\/.*\.$/)
  // It reads from now on, and one can go back to the other.
  await page.locator('a:text("Draw for it")').click()
  await page.locator('.reader:has-text("runs/")').waitFor()
  await page.locator('.reader button').click()
  await page.locator('.reader:has-text("model.safetensors. Use the one that was trained here instead")').waitFor()
})

test('a training is seen by every page, also by one that comes later', async () => {
  await open('#train')
  await page.locator('#epochs').fill('3')
  await page.locator('button[type=submit]').click()
  await page.locator('h1:text("It has learned.")').waitFor()
  const text = await page.locator('.figure').textContent()
  expect(text).toMatch(/^\d+\.\d\d %$/)
  await page.close()
  await open('#train')
  expect(await page.locator('.figure').textContent()).toBe(text)
})

test.each([320, 390, 768])('on a screen of %d pixels everything has its place', async (width) => {
  await open('#draw', { viewport: { width, height: 640 } })
  await drawWithMouse(SEVEN)
  expect(await answer()).toBe('7')
  const widest = () => page.evaluate('document.documentElement.scrollWidth')
  expect(await widest()).toBeLessThanOrEqual(width)
  await page.locator('a[href="#train"]').click()
  await page.locator('.settings').waitFor()
  expect(await widest()).toBeLessThanOrEqual(width)
  await page.locator('#epochs').fill('2')
  await page.locator('button[type=submit]').click()
  await page.locator('h1:text("It has learned.")').waitFor()
  expect(await widest()).toBeLessThanOrEqual(width)
})

/** What axe finds: the rules, and where they are broken. */
async function violations(): Promise<unknown> {
  await page.evaluate(AXE)
  // Bars that grow have another colour for a moment.
  await page.evaluate('Promise.all(document.getAnimations().map(({ finished }) => finished))')
  const find = 'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]))'
  return await page.evaluate(find)
}

test.each(['light', 'dark'] as const)('axe finds nothing wrong with any screen when it is %s', async (colorScheme) => {
  await open('#draw', { colorScheme })
  expect(['empty', await violations()]).toEqual(['empty', []])
  await drawWithMouse(SEVEN)
  await answer()
  expect(['drawn', await violations()]).toEqual(['drawn', []])
  await page.locator('input[type=range]').fill('9')
  expect(['stepped', await violations()]).toEqual(['stepped', []])
  await page.locator('a[href="#train"]').click()
  await page.locator('.settings').waitFor()
  expect(['begin', await violations()]).toEqual(['begin', []])
  await page.locator('#epochs').fill('100')
  await page.locator('button[type=submit]').click()
  await page.locator('.mistakes li >> nth=0').waitFor()
  expect(['learning', await violations()]).toEqual(['learning', []])
  await page.locator('.headline button').click()
  await page.locator('h1:text("Stopped.")').waitFor()
  expect(['stopped', await violations()]).toEqual(['stopped', []])
})

test('nothing moves for those who do not want it', async () => {
  await open('#draw', { reducedMotion: 'reduce' })
  await drawWithMouse(SEVEN)
  await answer()
  expect(await page.locator('.play').isVisible()).toBe(false)
  expect(await page.evaluate('document.getAnimations().length')).toBe(0)
})

test('the page tells when the server has gone, and goes on when it is there again', async () => {
  await open('#draw')
  server.signal('SIGTERM')
  await server.ended
  await page.locator('.status:text("The server does not answer")').waitFor()
  const { port } = new URL(url)
  const args = ['serve', '--model', 'model.safetensors', '--port', port, '--device', 'cpu', '--json']
  await startNode([MAIN, ...args], { cwd: path() }).line(/"type":"start"/)
  await page.locator('.status:text("neurons")').waitFor()
  await drawWithMouse(SEVEN)
  expect(await answer()).toBe('7')
  // The browser complains of what it could not load meanwhile.
  complaints = complaints.filter((each) => !each.includes('ERR_CONNECTION_REFUSED'))
})
