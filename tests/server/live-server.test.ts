/** The server of the live page: what it answers, and what it refuses. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { ImageRNN } from '../../lib'
import { LiveServer } from '../../lib/server/live-server'
import { prepareDrawing } from '../../lib/server/prepare-drawing'
import type { TrainingBoard } from '../../lib/server/training-board'
import type { TrainingSettings } from '../../lib/server/training-settings'
import { expectClose } from '../support/expect-close'
import { ask, jsonOf, listen, ownHeaders, post } from '../support/live-page'
import { useTemporaryFolder } from '../support/temporary-folder'
import { until } from '../support/wait-for'

const path = useTemporaryFolder()

const SIDE = 56
const PAGE = '<!doctype html><title>Page</title>'

let server: LiveServer
let model: ImageRNN
let mistakes: unknown[]
/** The training that was started last: what it got, and how it ends. */
let training: { settings: TrainingSettings; board: TrainingBoard; stop: AbortSignal; finish: () => void } | undefined

/** A training that does nothing until it is stopped or told to finish. */
function train(settings: TrainingSettings, board: TrainingBoard, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      board.end(stop.aborted ? 'stopped' : 'done')
      resolve()
    }
    training = { settings, board, stop, finish }
    stop.addEventListener('abort', finish)
  })
}

beforeEach(async () => {
  mkdirSync(path('page'))
  for (const name of ['page.js', 'page.css', 'icon.svg']) writeFileSync(path('page', name), name)
  writeFileSync(path('page', 'index.html'), PAGE)
  writeFileSync(path('page', 'secret.txt'), 'secret')
  model = new ImageRNN({ hiddenSize: 8, numLayers: 2, device: 'cpu', threads: 1 })
  mistakes = []
  training = undefined
  server = await LiveServer.start({
    ...{ host: '127.0.0.1', port: 0, train, pageFolder: path('page') },
    first: { model, name: 'the model' },
    report: (error) => mistakes.push(error),
  })
})

afterEach(async () => {
  await server.close()
  expect(mistakes).toEqual([])
})

/** A stroke from top to bottom, right of the middle. */
function stroke(): Uint8Array {
  return Uint8Array.from({ length: SIDE * SIDE }, (_, pixel) => {
    const [x, y] = [pixel % SIDE, Math.floor(pixel / SIDE)]
    return x >= 30 && x < 34 && y >= 8 && y < 48 ? 255 : 0
  })
}

const READING = `/api/reading?width=${SIDE}&height=${SIDE}`

describe('every answer', () => {
  test('forbids whatever the page does not need', async () => {
    const addresses = ['/', '/page.js', '/page.css', '/icon.svg', '/nowhere']
    const replies = [
      ...(await Promise.all(addresses.map((each) => ask(server.url, { path: each })))),
      await post(server.url, READING, stroke()),
    ]
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 404, 200])
    for (const { headers } of replies) {
      const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
      expect(headers['content-security-policy']).toBe(`${policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`)
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer' })
      expect(headers).toMatchObject({ 'cross-origin-resource-policy': 'same-origin', 'cross-origin-opener-policy': 'same-origin' })
    }
  })

  test('with a file of the page has its type, and is not sent again to who has it', async () => {
    const { body, headers } = await ask(server.url)
    expect([body.toString(), headers['content-type'], headers['cache-control']]).toEqual([PAGE, 'text/html; charset=utf-8', 'no-cache'])
    const again = await ask(server.url, { headers: { 'if-none-match': String(headers.etag) } })
    expect([again.status, again.body.length]).toEqual([304, 0])
    expect((await ask(server.url, { method: 'HEAD' })).status).toBe(200)
  })

  test('with an error is JSON with a code and a message', async () => {
    const reply = await ask(server.url, { path: '/nowhere' })
    expect(reply.headers['content-type']).toBe('application/json')
    expect(jsonOf(reply)).toEqual({ code: 'ERR_NOT_FOUND', message: 'There is nothing at this address.' })
  })
})

describe('a request is refused', () => {
  test('under a name that somebody else may own', async () => {
    const { port } = new URL(server.url)
    const good = [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`, `192.168.1.20:${port}`]
    for (const host of good) expect([host, (await ask(server.url, { headers: { host } })).status]).toEqual([host, 200])
    const bad = ['127.0.0.1', `evil.example:${port}`, `localhost.evil.example:${port}`, `127.0.0.1.evil.example:${port}`, 'localhost:1']
    const strange = [
      `0x7f.1:${port}`,
      `user@127.0.0.1:${port}`,
      `127.0.0.1:${port}:${port}`,
      `[evil.example]:${port}`,
      `127.0.0.1:${port}/`,
    ]
    for (const host of [...bad, ...strange]) {
      const { status } = await ask(server.url, { headers: { host } })
      expect([host, [400, 403].includes(status ?? 0)]).toEqual([host, true])
    }
    expect(jsonOf(await ask(server.url, { headers: { host: `evil.example:${port}` } }))).toMatchObject({ code: 'ERR_HOST' })
  })

  test('when another page sends it', async () => {
    const own = ownHeaders(server.url)
    const others: Record<string, string>[] = [
      { ...own, origin: 'http://evil.example' },
      { ...own, origin: 'null' },
      { ...own, origin: own['origin']?.replace('http:', 'https:') ?? '' },
      { ...own, origin: own['origin']?.replace('127.0.0.1', 'localhost') ?? '' },
      { ...own, 'sec-fetch-site': 'cross-site' },
      { ...own, 'sec-fetch-site': 'same-site' },
      Object.fromEntries(Object.entries(own).filter(([name]) => name !== 'origin')),
    ]
    for (const path of ['/api/training', '/api/training/stop', '/api/model', READING]) {
      for (const headers of others) {
        const reply = await ask(server.url, { method: 'POST', path, headers, body: '{}' })
        expect([path, headers['origin'], reply.status, jsonOf(reply)['code']]).toEqual([path, headers['origin'], 403, 'ERR_ORIGIN'])
      }
    }
    expect(training).toBeUndefined()
  })

  test('when another page reads, but not when it links', async () => {
    const read = await ask(server.url, { path: '/api/events', headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' } })
    expect([read.status, jsonOf(read)['code']]).toEqual([403, 'ERR_ORIGIN'])
    const link = await ask(server.url, { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' } })
    expect(link.status).toBe(200)
    // Browsers without Sec-Fetch-Site name the page that asks; and a frame is no link.
    const named = await ask(server.url, { path: '/api/events', headers: { origin: 'http://evil.example' } })
    const frame = await ask(server.url, { path: '/api/events', headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' } })
    expect([named.status, frame.status, server.clients]).toEqual([403, 403, 0])
  })

  test('for a file that is not one of the page, however it is named', async () => {
    const names = [
      '/secret.txt',
      '/../page/secret.txt',
      '/page/../secret.txt',
      '//',
      '/index.html',
      '/page.js/',
      '/api',
      '/api/',
      '/*',
      '/__proto__',
    ]
    const disguised = ['/%2e%2e/secret.txt', '/..%2fsecret.txt', '/..\\secret.txt', '/%00', '/page.js%00', '/%', '/page.js?/../secret.txt']
    for (const path of [...names, ...disguised.slice(0, -1)]) {
      const { status, body } = await ask(server.url, { path })
      expect([path, [400, 404].includes(status ?? 0), body.includes('secret')]).toEqual([path, true, false])
    }
    expect((await ask(server.url, { path: disguised.at(-1) ?? '' })).body.toString()).toBe('page.js')
  })

  test('by a method that an address does not take', async () => {
    const headers = ownHeaders(server.url)
    for (const [method, path] of [
      ['POST', '/'],
      ['PUT', '/page.js'],
      ['DELETE', '/api/training'],
      ['GET', '/api/training'],
      ['GET', READING],
      ['POST', '/api/events'],
      ['OPTIONS', '/api/training'],
    ] as const) {
      const reply = await ask(server.url, { method, path, headers })
      expect([method, path, reply.status, jsonOf(reply)['code']]).toEqual([method, path, 405, 'ERR_METHOD'])
    }
  })
})

describe('a drawing', () => {
  test('is prepared, and read row by row as the library does', async () => {
    const reply = await post(server.url, READING, stroke())
    const reading = jsonOf(reply)
    expect([reply.status, reply.headers['cache-control']]).toEqual([200, 'no-store'])
    const image = prepareDrawing({ width: SIDE, height: SIDE, ink: stroke() }) as Uint8Array
    expect(Buffer.from(String(reading['image']), 'base64').equals(image)).toBe(true)
    const { probabilities, hiddenStates } = await model.inspect({ data: image, shape: [1, 28, 28] })
    const bytes = Buffer.from(String(reading['probabilities']), 'base64')
    const sent = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(4 * index))
    expectClose(sent, probabilities.data, { atol: 1e-6 })
    const last = sent.slice(-10)
    expect(reading).toMatchObject({
      rows: 28,
      classes: 10,
      class: last.indexOf(Math.max(...last)),
      probability: Math.max(...last),
      revision: 1,
    })
    const states = reading['states'] as { layers: number; neurons: number; stride: number; scale: number; values: string }
    expect(states).toMatchObject({ layers: 2, neurons: 8, stride: 1 })
    const values = new Int8Array(Buffer.from(states.values, 'base64'))
    expectClose(
      Array.from(values, (value) => (value / 127) * states.scale),
      hiddenStates.data,
      { atol: states.scale / 127 },
    )
  })

  test('has the longest side of 20 pixels, and its centre of mass at 14', () => {
    const image = prepareDrawing({ width: SIDE, height: SIDE, ink: stroke() }) as Uint8Array
    const inked = Array.from(image.keys()).filter((pixel) => image[pixel] !== 0)
    const [columns, rows] = [new Set(inked.map((pixel) => pixel % 28)), new Set(inked.map((pixel) => Math.floor(pixel / 28)))]
    expect([columns.size, rows.size, Math.max(...image)]).toEqual([2, 20, 255])
    const mean = (values: Iterable<number>) => Array.from(values).reduce((sum, value, _, all) => sum + value / all.length, 0)
    expect(Math.abs(mean(rows) - 14)).toBeLessThanOrEqual(0.5)
    expect(Math.abs(mean(columns) - 14)).toBeLessThanOrEqual(0.5)
    expect(prepareDrawing({ width: SIDE, height: SIDE, ink: new Uint8Array(SIDE * SIDE) })).toBeUndefined()
  })

  test.each([
    ['without ink', READING, new Uint8Array(SIDE * SIDE), 400, 'ERR_INVALID_DATA'],
    ['with too few pixels', READING, new Uint8Array(SIDE * SIDE - 1), 400, 'ERR_INVALID_SHAPE'],
    ['with too many pixels', READING, new Uint8Array(SIDE * SIDE + 1), 400, 'ERR_INVALID_SHAPE'],
    ['that is too small', '/api/reading?width=27&height=28', new Uint8Array(27 * 28), 400, 'ERR_INVALID_OPTION'],
    ['that is too large', '/api/reading?width=513&height=28', new Uint8Array(513 * 28), 400, 'ERR_INVALID_OPTION'],
    ['without a size', '/api/reading', new Uint8Array(SIDE * SIDE), 400, 'ERR_INVALID_OPTION'],
    ['with a strange size', '/api/reading?width=5e1&height=0x38', new Uint8Array(SIDE * SIDE), 400, 'ERR_INVALID_OPTION'],
    ['of more bytes than any', '/api/reading?width=512&height=512', new Uint8Array(512 * 512 + 1), 413, 'ERR_TOO_LARGE'],
  ])('%s is refused', async (_, path, body, status, code) => {
    const reply = await post(server.url, path, body)
    expect([reply.status, jsonOf(reply)['code']]).toEqual([status, code])
  })

  test('that does not tell its length is refused, however short it is', async () => {
    const headers = ownHeaders(server.url, 'application/octet-stream')
    const reply = await ask(server.url, { method: 'POST', path: READING, headers, isChunked: true, body: stroke() })
    expect([reply.status, jsonOf(reply)['code']]).toEqual([413, 'ERR_TOO_LARGE'])
  })

  test('of another type is refused', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', '']) {
      const reply = await ask(server.url, { method: 'POST', path: READING, headers: ownHeaders(server.url, type), body: stroke() })
      expect([type, reply.status, jsonOf(reply)['code']]).toEqual([type, 415, 'ERR_MEDIA_TYPE'])
    }
  })

  test('waits for its turn, and too many of them are refused', async () => {
    const replies = await Promise.all(Array.from({ length: 64 }, () => post(server.url, READING, stroke())))
    const statuses = new Set(replies.map(({ status }) => status))
    expect(statuses.has(200)).toBe(true)
    expect(Array.from(statuses).every((status) => status === 200 || status === 503)).toBe(true)
    expect((await post(server.url, READING, stroke())).status).toBe(200)
  })
})

describe('a training', () => {
  test('gets what was asked for, and the rest from its recipe', async () => {
    const reply = await post(server.url, '/api/training', { recipe: 'quick', hiddenSize: 64 })
    expect([reply.status, jsonOf(reply)['state']]).toEqual([202, 'starting'])
    expect(training?.settings).toEqual({ recipe: 'quick', epochs: 2, hiddenSize: 64, learningRate: 2e-3 })
    training?.finish()
  })

  test.each([
    [{ epochs: 0 }],
    [{ epochs: 101 }],
    [{ epochs: 1.5 }],
    [{ epochs: '1' }],
    [{ hiddenSize: 513 }],
    [{ learningRate: -1 }],
    [{ learningRate: null }],
    [{ recipe: 'other' }],
    [{ run: '/tmp/elsewhere' }],
    [{ output: 'model' }],
    [{ data: '/etc' }],
    [JSON.parse('{"__proto__": 1}')],
    [[]],
  ])('cannot be asked for %j', async (asked) => {
    const reply = await post(server.url, '/api/training', asked)
    expect([reply.status, jsonOf(reply)['code']]).toEqual([400, 'ERR_INVALID_OPTION'])
    expect(training).toBeUndefined()
  })

  test('cannot be asked for by what is not JSON, or is long', async () => {
    const send = (body: string) => ask(server.url, { method: 'POST', path: '/api/training', headers: ownHeaders(server.url), body })
    expect(jsonOf(await send('{'))).toMatchObject({ code: 'ERR_INVALID_DATA' })
    expect(jsonOf(await send('null'))).toMatchObject({ code: 'ERR_INVALID_OPTION' })
    expect((await send(`{"recipe": "${'x'.repeat(4096)}"}`)).status).toBe(413)
    expect(training).toBeUndefined()
  })

  test('is the only one, is stopped by a request, and makes room for another', async () => {
    expect(jsonOf(await post(server.url, '/api/training/stop', undefined))).toMatchObject({ code: 'ERR_BUSY' })
    await post(server.url, '/api/training', {})
    const second = await post(server.url, '/api/training', {})
    expect([second.status, jsonOf(second)['code']]).toEqual([409, 'ERR_BUSY'])
    expect((await post(server.url, '/api/training/stop', undefined)).status).toBe(202)
    expect(training?.stop.aborted).toBe(true)
    expect((await post(server.url, '/api/training', {})).status).toBe(202)
    training?.finish()
  })

  test('only one that was trained can be chosen to read', async () => {
    expect(jsonOf(await post(server.url, '/api/model', { choice: 'trained' }))).toMatchObject({ code: 'ERR_INVALID_OPTION' })
    expect(jsonOf(await post(server.url, '/api/model', { choice: '/etc/passwd' }))).toMatchObject({ code: 'ERR_INVALID_OPTION' })
    const other = new ImageRNN({ hiddenSize: 4, numLayers: 1, device: 'cpu', threads: 1 })
    server.reader.take({ model: other, name: 'another' })
    expect(jsonOf(await post(server.url, READING, stroke()))).toMatchObject({ revision: 2, states: { layers: 1, neurons: 4 } })
    expect(jsonOf(await post(server.url, '/api/model', { choice: 'first' }))).toMatchObject({
      choice: 'first',
      name: 'the model',
      hasTrained: true,
    })
    expect(jsonOf(await post(server.url, READING, stroke()))).toMatchObject({ revision: 1, states: { layers: 2 } })
  })

  test('a network with names for its classes tells them', async () => {
    const classNames = ['light', 'dark']
    const named = new ImageRNN({ hiddenSize: 4, numLayers: 1, classNames, device: 'cpu', threads: 1 })
    server.reader.take({ model: named, name: 'named' })
    expect(jsonOf(await post(server.url, '/api/model', { choice: 'trained' }))).toMatchObject({ name: 'named', classNames })
    expect(jsonOf(await post(server.url, '/api/model', { choice: 'first' }))).not.toHaveProperty('classNames')
  })

  test('a network that is replaced while it reads finishes, and is freed then', async () => {
    const [one, other] = [4, 5].map((hiddenSize) => new ImageRNN({ hiddenSize, numLayers: 1, device: 'cpu', threads: 1 })) as [
      ImageRNN,
      ImageRNN,
    ]
    server.reader.take({ model: one, name: 'one' })
    const readings = Array.from({ length: 8 }, () => server.reader.read({ width: SIDE, height: SIDE, ink: stroke() }))
    server.reader.take({ model: other, name: 'other' })
    expect((await Promise.all(readings)).map(({ revision }) => revision)).toEqual(new Array(8).fill(2))
    expect([one.disposed, other.disposed]).toEqual([true, false])
  })
})

describe('the stream of updates', () => {
  const BATCH = { type: 'batch', epochs: 2, batches: 100, batchLoss: 1, learningRate: 1e-3, seconds: 1, samplesPerSecond: 1000 } as const

  /** Reports batches of an epoch, from one to the other. */
  function report(epoch: number, from: number, to: number): void {
    for (let batch = from; batch <= to; batch += 1) {
      training?.board.addBatch({ ...BATCH, epoch, batch, samples: 10 * batch, trainLoss: 1 / batch, trainAccuracy: batch / 100 })
    }
  }

  test('begins with all there is, and goes on with what is new, for several pages alike', async () => {
    const first = await listen(server.url)
    expect(await first.until(() => true)).toMatchObject({ model: { name: 'the model' }, training: { state: 'idle' }, from: 0, points: [] })
    await post(server.url, '/api/training', { epochs: 2 })
    report(1, 1, 10)
    expect(await first.until(({ points }) => points.length > 0)).toMatchObject({ training: { progress: 0.1, loss: 0.1 }, from: 0 })
    const second = await listen(server.url)
    const whole = await second.until(() => true)
    expect(whole.points).toHaveLength(10)
    // The mean over the tenth batch alone: its loss was 0, because the sum stays 10.
    expectClose([whole.points[9]?.loss ?? 1, whole.points[9]?.accuracy ?? 0], [0, (0.1 * 100 - 0.09 * 90) / 10], { atol: 1e-9 })
    report(1, 11, 12)
    for (const page of [first, second]) {
      const more = await page.until(({ from }) => from >= 10)
      expect([more.from, more.training.progress]).toEqual([10, more.points.length === 2 ? 0.12 : expect.any(Number)])
    }
    expect(server.clients).toBe(2)
    training?.finish()
    await Promise.all([first, second].map((page) => page.until(({ training: { state } }) => state === 'done')))
    first.vanish()
    second.vanish()
    await until(() => server.clients === 0)
  })

  test('keeps a curve of limited length, and sends it anew when it was made coarser', async () => {
    await post(server.url, '/api/training', {})
    for (let epoch = 1; epoch <= 100; epoch += 1) report(epoch, 1, 100)
    const { points } = await (await listen(server.url)).until(() => true)
    expect(points.length).toBeGreaterThan(900)
    expect(points.length).toBeLessThanOrEqual(2000)
    expect(points.at(-1)?.epoch).toBe(100)
    expect(points.every(({ epoch }, index) => index === 0 || epoch > (points[index - 1]?.epoch ?? 0))).toBe(true)
    training?.finish()
  })

  test('leaves nothing of a page that vanished, nor waits for one that does not read', async () => {
    const { hostname, port } = new URL(server.url)
    const deaf = connect(Number(port), hostname)
    deaf.write(`GET /api/events HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`)
    deaf.pause()
    const page = await listen(server.url)
    await until(() => server.clients === 2)
    await post(server.url, '/api/training', {})
    for (let epoch = 1; epoch <= 20; epoch += 1) report(epoch, 1, 100)
    await page.until(({ training: { progress } }) => progress === 20)
    deaf.destroy()
    page.vanish()
    await until(() => server.clients === 0)
    training?.finish()
  })

  test('ends for a page that takes nothing for too long', async () => {
    const first = { model: new ImageRNN({ hiddenSize: 4, numLayers: 1, device: 'cpu', threads: 1 }), name: 'another' }
    const report = (error: unknown) => mistakes.push(error)
    const place = { host: '127.0.0.1', port: 0, pageFolder: path('page') }
    const impatient = await LiveServer.start({ ...place, first, train, report, writeLimit: 1 })
    const { hostname, port } = new URL(impatient.url)
    const deaf = connect(Number(port), hostname).pause()
    deaf.write(`GET /api/events HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`)
    await until(() => impatient.clients === 1)
    await post(impatient.url, '/api/training', {})
    // More than the buffers of a connection hold, again and again.
    const long = 'x'.repeat(2 ** 24)
    await until(() => {
      training?.board.tell(long)
      return impatient.clients === 0
    })
    deaf.destroy()
    await impatient.close()
  })

  test('is not held open by who asks for its headers alone', async () => {
    expect((await ask(server.url, { method: 'HEAD', path: '/api/events' })).status).toBe(200)
    await until(() => server.clients === 0)
  })

  test('is not opened for more pages than there are people', async () => {
    const pages = await Promise.all(Array.from({ length: 64 }, () => listen(server.url)))
    const reply = await ask(server.url, { path: '/api/events' })
    expect([reply.status, jsonOf(reply)['code']]).toEqual([503, 'ERR_TOO_MANY'])
    for (const page of pages) page.vanish()
    await until(() => server.clients === 0)
  })
})

test('the end stops the training first, then ends the streams, and frees the port and the model', async () => {
  const page = await listen(server.url)
  await post(server.url, '/api/training', {})
  await server.close()
  expect(training?.stop.aborted).toBe(true)
  await page.ended
  await expect(ask(server.url)).rejects.toThrow('ECONNREFUSED')
  expect(model.disposed).toBe(true)
})

test('a port that is taken is told, with what helps', async () => {
  const { port } = new URL(server.url)
  const first = { model, name: 'the model' }
  const start = LiveServer.start({ host: '127.0.0.1', port: Number(port), first, train, pageFolder: path('page'), report: () => undefined })
  await expect(start).rejects.toMatchObject({ code: 'ERR_FILE_SYSTEM', message: expect.stringContaining('Choose another --port') })
})
