/** `plot` and `runs report`: pictures of real, tiny runs. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { eventsOf, eventsOfType, lastEvent, onlyEvent, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'
import { altTextOf, render, textsOf } from '../support/svg-content'

const { path, run, succeed } = useCommandLine()

const PLACE = ['--threads', '1', '--device', 'cpu']
const ALL = ['curves', 'confusion', 'mistakes', 'states', 'thinking', 'gradients', 'weights', 'eigenvalues']

function text(...names: string[]): string {
  return readFileSync(path(...names), 'utf8')
}

async function train(name: string, ...flags: string[]): Promise<void> {
  await succeed([...TINY_RUN, '--epochs', '2', '--run', name, '--no-report', '--quiet', ...flags])
}

describe('plot', () => {
  test('draws every picture of a run into a folder, from the images of the run', async () => {
    await train(join('runs', 'tiny'))
    const stdout = await succeed(['plot', ...ALL, '--run', 'tiny', '--output', 'pictures', '--json', ...PLACE])
    expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', ...ALL.map(() => 'picture'), 'done'])
    const events = eventsOfType(stdout, 'picture')
    expect(events.map(({ picture }) => picture)).toEqual(ALL)
    for (const { picture, file, bytes } of events) {
      expect(file).toBe(join('pictures', `${picture}.svg`))
      const svg = text('pictures', `${picture}.svg`)
      expect(Buffer.byteLength(svg)).toBe(bytes)
      expect(altTextOf(svg)).toEqual({ title: expect.stringMatching(/./), description: expect.stringMatching(/\.$/) })
      await render(svg)
    }
    expect(readdirSync(path('pictures'))).toHaveLength(ALL.length)
    const [label] = readFileSync(path('data', 't10k-labels-idx1-ubyte')).subarray(8)
    expect(textsOf(text('pictures', 'states.svg'))).toContain(`Hidden states while it reads test image 0, of class ${label}`)
  })

  test('draws the confusion matrix and the mistakes that an evaluation counts', async () => {
    await train(join('runs', 'tiny'))
    await succeed(['plot', 'confusion', 'mistakes', '--run', 'tiny', '--count', '5', ...PLACE])
    const metrics = text('runs', 'tiny', 'metrics.jsonl').trim().split('\n')
    const { samples, confusionMatrix } = JSON.parse(metrics.at(-1) as string) as { samples: number; confusionMatrix: number[][] }
    const right = confusionMatrix.reduce((sum, row, label) => sum + (row[label] as number), 0)
    expect(altTextOf(text('confusion.svg')).title).toBe(`What is taken for what: ${samples - right} mistakes in ${samples} images`)
    const mistakes = altTextOf(text('mistakes.svg')).description
    expect(mistakes.match(/Image \d+: \d taken for \d/g)).toHaveLength(5)
    const labels = readFileSync(path('data', 't10k-labels-idx1-ubyte')).subarray(8)
    for (const [, sample, label] of mistakes.matchAll(/Image (\d+): (\d)/g)) expect(labels[Number(sample)]).toBe(Number(label))
  })

  test('overlays the curves of several runs, without libtorch', async () => {
    await train(join('runs', 'one'))
    await train(join('runs', 'two'), '--seed', '2')
    const env = { LIBTORCH: path('nowhere') }
    const stdout = await succeed(['plot', 'curves', '--run', 'one', '--run', join('runs', 'two'), '--output', 'both.svg', '--json'], {
      env,
    })
    expect(onlyEvent(stdout, 'picture')).toMatchObject({ picture: 'curves', file: 'both.svg' })
    expect(textsOf(text('both.svg'))).toEqual(expect.arrayContaining(['2 trainings']))
    expect(altTextOf(text('both.svg')).description).toMatch(/^one: after 2 epochs, .*two: after 2 epochs, /)
    await succeed(['plot', 'curves'], { env })
    expect(altTextOf(text('curves.svg')).title).toBe('Training of two')
  })

  test('writes PNG by the name of the output or by --picture-format, in the colours of the theme', async () => {
    await train(join('runs', 'tiny'))
    await succeed(['plot', 'curves', '--output', 'light.PNG'])
    await succeed(['plot', 'curves', '--output', 'dark', '--picture-format', 'png', '--theme', 'dark'])
    for (const [file, grey] of [
      ['light.PNG', 255],
      [join('dark', 'curves.png'), 0x11],
    ] as const) {
      const { data, info } = await sharp(path(file)).raw().toBuffer({ resolveWithObject: true })
      expect(info).toMatchObject({ format: 'raw', width: 1440 })
      expect(Math.abs((data[1] as number) - grey)).toBeLessThan(2)
    }
  })

  test('shows the image that is chosen, for gradients too', async () => {
    await train(join('runs', 'tiny'))
    const model = join('runs', 'tiny', 'model.safetensors')
    await succeed(['plot', 'states', 'gradients', '--model', model, ...TINY_DATA, '--image', '3', ...PLACE])
    expect(altTextOf(text('states.svg')).title).toMatch(/^Hidden states while it reads test image 3, of class \d$/)
    expect(textsOf(text('gradients.svg')).join(' ')).toContain('Of one image.')
    const { code, stdout } = await run(['plot', 'states', '--model', model, ...TINY_DATA, '--image', '100', '--json', ...PLACE])
    expect(code).toBe(1)
    expect(lastEvent(stdout, 'error')).toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining('from 0 to 99 for --image'),
    })
  })

  test.each([
    [['plot'], 'missing required argument'],
    [['plot', 'everything'], 'Allowed choices are curves, confusion'],
    [['plot', 'curves', 'states', '--output', 'a.svg'], 'Expected a folder for --output, since there are 2 pictures'],
    [
      ['plot', 'curves', '--output', 'a.svg', '--picture-format', 'png'],
      'Expected --picture-format svg for --output a.svg but received png',
    ],
    [['plot', 'states', '--run', 'a', '--run', 'b'], 'Expected one --run for pictures of a model'],
    [['plot', 'curves', '--theme', 'red'], 'one of auto, light, dark'],
  ])('%j is wrong usage', async (args, message) => {
    const { code, stderr } = await run(args)
    expect(stderr).toContain(message)
    expect(code).toBe(2)
    expect(readdirSync(path())).toEqual(['data'])
  })

  test('fails where there is no run, no model, or no place for the picture', async () => {
    const failure = async (...args: string[]) => {
      const { code, stderr } = await run(['plot', ...args, ...PLACE])
      expect(code).toBe(1)
      return stderr
    }
    expect(await failure('curves')).toContain('There are no runs in runs')
    expect(await failure('weights')).toContain('There is no trained model in runs')
    await train(join('runs', 'tiny'))
    rmSync(path('runs', 'tiny', 'model.safetensors'))
    expect(await failure('weights', '--run', 'tiny')).toContain('has no model.safetensors yet')
    mkdirSync(path('taken.svg'))
    expect(await failure('curves', '--output', 'taken.svg')).toContain('taken.svg')
  })
})

describe('the report of a run', () => {
  /** What differs each time is in lines of its own. */
  const lasting = (page: string) => page.split('\n').filter((line) => !line.includes('class="time"'))

  test('is written at the end of a training, and needs nothing but itself', async () => {
    const stdout = await succeed([...TINY_RUN, '--epochs', '2', '--run', 'run', '--validation-split', '0.2', '--json'])
    expect(onlyEvent(stdout, 'report')).toEqual({ type: 'report', file: join('run', 'report.html') })
    const page = text('run', 'report.html')
    for (const id of ['curves', 'confusion', 'mistakes', 'thinking', 'states', 'gradients', 'weights', 'settings']) {
      expect(page).toContain(`<section id="${id}">`)
      expect(page).toContain(`href="#${id}"`)
    }
    const { testAccuracy = 0 } = lastEvent(stdout, 'done')
    expect(page).toContain(`<dt>test accuracy</dt><dd>${(100 * testAccuracy).toFixed(2)} %</dd>`)
    expect(page).toContain('<td>validationSplit</td><td>0.2</td><td>changed</td>')
    // No script, no other file, no network; every picture says what it shows.
    expect(page).not.toMatch(/<script|<link|<iframe|@import|url\(|src=/)
    const links = Array.from(page.matchAll(/(?:href|xlink:href)="([^"]*)"/g), ([, link]) => link as string)
    expect(links.filter((link) => !link.startsWith('#') && !link.startsWith('data:image/png;base64,'))).toEqual([])
    const pictures = page.match(/<svg[^>]* role="img"/g) ?? []
    expect(pictures.length).toBeGreaterThanOrEqual(8)
    expect(page.match(/role="img"[^>]*>\s*<title>[^<]+<\/title><desc>[^<]+<\/desc>/g)).toHaveLength(pictures.length)
    // No identifier twice.
    const ids = Array.from(page.matchAll(/ id="([^"]+)"/g), ([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('is the same for the same seed, also after a pause and when it is drawn again', async () => {
    const flags = [...TINY_RUN, '--epochs', '3', '--quiet']
    await succeed([...flags, '--run', join('first', 'run')])
    await succeed([...flags, '--run', join('second', 'run'), '--stop-after-epochs', '1'])
    expect(readdirSync(path('second', 'run'))).not.toContain('report.html')
    await succeed(['--resume', '--run', join('second', 'run'), '--quiet'])
    const [first, second] = ['first', 'second'].map((folder) => lasting(text(folder, 'run', 'report.html')))
    expect(second).toEqual(first)
    const stdout = await succeed(['runs', 'report', 'run', '--runs', 'first', '--threads', '1', '--device', 'cpu'])
    expect(stdout).toContain(join('first', 'run', 'report.html'))
    expect(lasting(text('first', 'run', 'report.html'))).toEqual(first)
  })

  test('is left out with --no-report', async () => {
    await succeed([...TINY_RUN, '--epochs', '1', '--run', 'run', '--no-report'])
    expect(readdirSync(path('run'))).not.toContain('report.html')
  })

  test('that cannot be written is a warning, and the training succeeds', async () => {
    // A training refuses a folder with results of a run, but not one with a folder of this name.
    mkdirSync(path('run', 'report.html'), { recursive: true })
    const { code, stdout } = await run([...TINY_RUN, '--epochs', '1', '--run', 'run', '--json'])
    expect(code).toBe(0)
    expect(onlyEvent(stdout, 'warning').message).toMatch(/^The report of the run could not be drawn\. .*report\.html/)
    expect(lastEvent(stdout, 'done')).toMatchObject({ testAccuracy: expect.any(Number) })
  })

  test('of a run that was stopped shows what there is, and nothing of the test set', async () => {
    await succeed([...TINY_RUN, '--epochs', '3', '--stop-after-epochs', '1', '--run', join('runs', 'part'), '--quiet'])
    await succeed(['runs', 'report', 'part', '--threads', '1', '--device', 'cpu'])
    const page = text('runs', 'part', 'report.html')
    expect(page).toContain('<section id="states">')
    expect(page).not.toMatch(/<section id="(confusion|mistakes)">|test accuracy/)
    rmSync(path('runs', 'part', 'model.safetensors'))
    await succeed(['runs', 'report', 'part'], { env: { LIBTORCH: path('nowhere') } })
    expect(text('runs', 'part', 'report.html')).not.toContain('<section id="states">')
  })

  test('escapes the names of folders', async () => {
    const name = `<img src=x onerror=alert(1)>&"'`
    await train(join('runs', 'plain'))
    renameSync(path('runs', 'plain'), path('runs', name))
    const config = JSON.parse(text('runs', name, 'config.json')) as object
    writeFileSync(path('runs', name, 'config.json'), JSON.stringify({ ...config, model: '</code><script>alert(1)</script>' }))
    await succeed(['runs', 'report', name, ...TINY_DATA, '--threads', '1', '--device', 'cpu'])
    const page = text('runs', name, 'report.html')
    expect(page).not.toMatch(/<img|<script/)
    expect(page).toContain('<h1>&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#39;</h1>')
  })
})
