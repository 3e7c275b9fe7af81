/** examples/browser in a real browser: what is drawn with the mouse is read as the library reads it. */
import { request } from 'node:http'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { ImageRNN, loadMnist } from '../../lib'
import type { Mnist } from '../../lib/data/mnist'
import { expectClose } from '../support/expect-close'
import { REPOSITORY, startNode } from '../support/run-program'
import { useSharedTemporaryFolder } from '../support/temporary-folder'
import { type Browser, type Page, startBrowser } from './browser'

const path = useSharedTemporaryFolder()

const SERVER = join(REPOSITORY, 'examples', 'browser', 'serve.mjs')
const SIZE = 28
/** Of the canvas that is drawn on. */
const PAD_SIZE = 280
/** As in tests/onnx. */
const TOLERANCE = 1e-5
/** MNIST's images that the page gets. */
const IMAGES = 200

let mnist: Mnist
let model: ImageRNN
let browser: Browser
let page: Page
/** What went wrong in the page. */
let complaints: string[]

/** A network that reads drawn digits, which takes some seconds of training. */
async function trainModel(): Promise<ImageRNN> {
  const trained = new ImageRNN({ hiddenSize: 64, numLayers: 2, device: 'cpu' })
  await trained.train(mnist.train, { epochs: 1, learningRate: 0.003 })
  return trained
}

beforeAll(async () => {
  mnist = await loadMnist()
  model = await trainModel()
  await model.exportOnnx(path('model.onnx'))
  browser = await startBrowser()
}, 120_000)

afterAll(async () => {
  await browser?.close()
  model?.dispose()
})

beforeEach(() => {
  complaints = []
})

afterEach(async () => {
  await page?.close()
})

/** Starts the example's server, which ends with the test, and returns its address. */
async function serve(file: string): Promise<string> {
  return (await startNode([SERVER, file, '--port', '0']).line(/^Open /)).replace('Open ', '')
}

async function openPage(file: string): Promise<void> {
  const url = await serve(file)
  page = await browser.newPage()
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  await page.goto(url)
}

async function openReadyPage(): Promise<void> {
  await openPage(path('model.onnx'))
  await page.locator('#message:not(:text("Loading"))').waitFor()
  expect(await page.locator('#message').textContent()).toBe('The network reads along while you draw.')
}

/** The pixels of a canvas, which is grey. Read from a copy, because Chromium warns of a canvas that is read again and again. */
async function pixelsOf(canvas: string, size: number): Promise<Uint8Array> {
  const work = `(() => {
    const copy = new OffscreenCanvas(${size}, ${size}).getContext('2d')
    copy.drawImage(document.querySelector('${canvas}'), 0, 0)
    return copy.getImageData(0, 0, ${size}, ${size}).data.filter((_, index) => index % 4 === 0).join()
  })()`
  return Uint8Array.from(((await page.evaluate(work)) as string).split(','), Number)
}

/** The logits that the page computes for images, one after the other. */
async function logitsInPage(images: readonly Uint8Array[]): Promise<number[]> {
  const bytes = JSON.stringify(images.map((image) => Array.from(image)))
  const work = `(async () => {
    const { loadRecognizer } = await import('/recognizer.js')
    const recognizer = await loadRecognizer('/model.onnx')
    const logits = []
    for (const image of ${bytes}) logits.push(...(await recognizer.recognize(Uint8Array.from(image))))
    return logits
  })()`
  return (await page.evaluate(work)) as number[]
}

type Stroke = readonly (readonly [x: number, y: number])[]

const RING: Stroke = Array.from({ length: 41 }, (_, index) => {
  const angle = (index / 40) * 2 * Math.PI - Math.PI / 2
  return [140 + 62 * Math.cos(angle), 140 + 95 * Math.sin(angle)] as const
})

/** Digits as strokes of the mouse, in pixels of the canvas. */
const DIGITS: readonly (readonly [digit: number, strokes: readonly Stroke[]])[] = [
  [0, [RING]],
  [
    1,
    [
      [
        [150, 40],
        [130, 240],
      ],
    ],
  ],
  [
    4,
    [
      [
        [90, 40],
        [70, 150],
        [210, 150],
      ],
      [
        [185, 50],
        [165, 250],
      ],
    ],
  ],
  [
    7,
    [
      [
        [70, 50],
        [205, 50],
        [120, 245],
      ],
    ],
  ],
]

async function draw(strokes: readonly Stroke[]): Promise<void> {
  const box = await page.locator('#pad').boundingBox()
  if (box === null) throw new Error('There is no canvas.')
  for (const stroke of strokes) {
    for (const [index, [x, y]] of stroke.entries()) {
      await page.mouse.move(box.x + x, box.y + y)
      if (index === 0) await page.mouse.down()
    }
    await page.mouse.up()
  }
  await page.locator('#results[aria-busy=false]').waitFor()
}

/** The probabilities that the page shows, in percent. */
async function shownPercents(): Promise<number[]> {
  const texts = await page.locator('#probabilities td:last-child').allTextContents()
  return texts.map((text) => Number(/^(\d+\.\d) %$/.exec(text)?.[1]))
}

test('digits that are drawn with the mouse are read as the library reads them', async () => {
  await openReadyPage()
  for (const [digit, strokes] of DIGITS) {
    await draw(strokes)
    const image = await pixelsOf('#seen', SIZE)
    const batch = { data: image, shape: [1, SIZE, SIZE] } satisfies Parameters<ImageRNN['forward']>[0]
    expectClose(await logitsInPage([image]), (await model.forward(batch)).data, { atol: TOLERANCE })
    const { classes, probabilities } = await model.predict(batch)
    const halfDigit = 0.05 + 1e-3 // Percents have one decimal.
    expectClose(
      await shownPercents(),
      probabilities.data.map((share) => 100 * share),
      { atol: halfDigit },
    )
    expect([digit, classes[0], await page.locator('#answer').textContent()]).toEqual([digit, digit, String(digit)])
    await page.locator('#clear').click()
    await page.locator('#results[aria-busy=false]').waitFor()
    expect(await page.locator('#answer').textContent()).toBe('–')
    expect((await pixelsOf('#pad', PAD_SIZE)).every((byte) => byte === 0)).toBe(true)
  }
  expect(complaints).toEqual([])
})

test('a click is a dot, and a line that leaves the canvas goes on', async () => {
  await openReadyPage()
  await draw([[[140, 140]]])
  const pad = await pixelsOf('#pad', PAD_SIZE)
  const inked = pad.filter((byte) => byte > 127).length
  expect(inked).toBeGreaterThan(0.9 * Math.PI * 11 ** 2) // The pen is round, and 22 pixels wide.
  expect(inked).toBeLessThan(1.1 * Math.PI * 11 ** 2)
  expect(pad[140 * PAD_SIZE + 140]).toBe(255)
  await draw([
    [
      [20, 200],
      [20, PAD_SIZE + 40],
      [200, PAD_SIZE + 40],
      [200, 200],
    ],
  ])
  const after = await pixelsOf('#pad', PAD_SIZE)
  expect([after[230 * PAD_SIZE + 20], after[230 * PAD_SIZE + 200], after[230 * PAD_SIZE + 110]]).toEqual([255, 255, 0])
  expect(complaints).toEqual([])
})

test("MNIST's images give the logits of forward, and come out of the preparation as they were", async () => {
  await openReadyPage()
  const batch = mnist.test.images(0, IMAGES)
  const images = Array.from({ length: IMAGES }, (_, index) => (batch.data as Uint8Array).slice(index * SIZE ** 2, (index + 1) * SIZE ** 2))
  expectClose(await logitsInPage(images), (await model.forward(batch)).data, { atol: TOLERANCE })

  // Ten times as large, and somewhere else on the canvas: the preparation has to find the digit, its size and its place.
  const work = `(async () => {
    const { toMnistImage } = await import('/mnist-image.js')
    return ${JSON.stringify(images.map((image) => Array.from(image)))}.map((image) => {
      const ink = new Uint8Array(320 * 320)
      ink.forEach((_, index) => {
        const [x, y] = [Math.floor((index % 320) / 10) - 3, Math.floor(index / 3200) - 1]
        if (x >= 0 && x < 28 && y >= 0 && y < 28) ink[index] = image[28 * y + x]
      })
      return Array.from(toMnistImage(ink, 320))
    })
  })()`
  const prepared = (await page.evaluate(work)) as number[][]
  const changed = prepared.filter((image, index) => image.some((byte, pixel) => Math.abs(byte - (images[index]?.[pixel] ?? 0)) > 2))
  expect(changed.length).toBeLessThanOrEqual(IMAGES * 0.02)
  expect(complaints).toEqual([])
})

test.each([
  ['a model that is not there', 'nowhere.onnx', /no such file.*rnn-mnist-train export --onnx model\.onnx/],
  ['a model that reads other rows', 'narrow.onnx', /rows of 28 pixels, but the model reads rows of 20/],
])('%s is told in the page', async (_, file, message) => {
  const narrow = new ImageRNN({ inputSize: 20, hiddenSize: 4, device: 'cpu' })
  await narrow.exportOnnx(path('narrow.onnx'))
  narrow.dispose()
  await openPage(path(file))
  await page.locator('#message.error').waitFor()
  expect(await page.locator('#message').textContent()).toMatch(message)
})

/** Asks for an address as it is written: a browser would tidy it up first. */
function ask(url: string, target: string, method = 'GET'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const sent = request({ hostname, port, path: target, method }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    })
    sent.on('error', reject).end()
  })
}

test('the server gives the files of the page, and no others, to this machine alone', async () => {
  const url = await serve(path('model.onnx'))
  expect(await ask(url, '/')).toBe(200)
  expect(await ask(url, '/model.onnx?1')).toBe(200)
  expect(await ask(url, '/model.onnx', 'HEAD')).toBe(200)
  expect(await ask(url, '/onnxruntime-web/ort.wasm')).toBe(200)
  expect(await ask(url, '/', 'POST')).toBe(405)
  const others = ['/serve.mjs', '/package.json', '/../browser/index.html', '/onnxruntime-web/../serve.mjs', '/onnxruntime-web/', '//', '*']
  const disguised = ['/%2e%2e/%2e%2e/package.json', '/..%2f..%2fpackage.json', '/..\\..\\package.json', '/%00', '/%', '/__proto__']
  for (const target of [...others, ...disguised]) expect([target, await ask(url, target)]).toEqual([target, 404])
  const elsewhere = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const reachable = elsewhere.filter(({ family, internal }) => family === 'IPv4' && !internal)
  for (const { address } of reachable) {
    await expect(ask(url.replace('127.0.0.1', address), '/')).rejects.toThrow('ECONNREFUSED')
  }
})
