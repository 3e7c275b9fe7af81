/** Pictures of lines, marks and counts: their numbers, themes, and what is refused. */
import { plotConfusionMatrix, plotEigenvalues, plotGradientNorms, plotTrainingCurves, type Tensor } from '../../lib'
import { eigenvaluesOf } from '../../lib/model/eigenvalues'
import { expectClose } from '../support/expect-close'
import { expectError } from '../support/expect-error'
import { altTextOf, imagesOf, pixelAt, pointsOf, render, textsOf } from '../support/svg-content'

const EPOCHS = [
  { epoch: 1, trainLoss: 1, trainAccuracy: 0.5, learningRate: 0.001 },
  { epoch: 2, trainLoss: 0.5, trainAccuracy: 0.75, learningRate: 0.001 },
  { epoch: 3, trainLoss: 0, trainAccuracy: 1, learningRate: 0.001 },
]

/** The paths of all lines of a colour. */
function linesOf(svg: string, className: string): [number, number][][] {
  const groups = svg.matchAll(new RegExp(`<g[^>]*class="${className}"[^>]*>(.*?)</g>`, 'g'))
  return Array.from(groups, (group) => pointsOf(/ d="([^"]+)"/.exec(group[1] as string)?.[1] ?? '')).filter((points) => points.length > 0)
}

describe('training curves', () => {
  test('are straight between the epochs, and as high as their values', async () => {
    const svg = await plotTrainingCurves([{ name: 'digits', epochs: EPOCHS }])
    const [loss = [], accuracy = []] = linesOf(svg, 's0')
    for (const line of [loss, accuracy]) {
      expect(line).toHaveLength(3)
      const [[x1, y1], [x2, y2], [x3, y3]] = line as [[number, number], [number, number], [number, number]]
      // Evenly spaced values are on a line.
      expect(x2 - x1).toBeCloseTo(x3 - x2, 2)
      expect(y2 - y1).toBeCloseTo(y3 - y2, 2)
    }
    expect((loss[0] as number[])[1]).toBeLessThan((loss[2] as number[])[1] as number) // Up is less in SVG.
    expect((accuracy[0] as number[])[1]).toBeGreaterThan((accuracy[2] as number[])[1] as number)
    expect(textsOf(svg)).toEqual(
      expect.arrayContaining(['Training of digits', 'training', 'mean loss (nats)', 'accuracy (%)', 'epoch', '1', '2', '3']),
    )
    expect(textsOf(svg)).not.toContain('learning rate')
    expect(altTextOf(svg).description).toBe('digits: after 3 epochs, training loss 0.0000, training accuracy 100.00 %.')
    await render(svg)
  })

  test('have validation, test set and a changing learning rate where there are some', async () => {
    const epochs = EPOCHS.map((epoch) => ({ ...epoch, validationLoss: 2, validationAccuracy: 0.4, learningRate: 0.1 / epoch.epoch }))
    const svg = await plotTrainingCurves([{ name: 'a', epochs, testLoss: 1.5, testAccuracy: 0.4321 }])
    expect(textsOf(svg)).toEqual(expect.arrayContaining(['validation', 'test set: 43.21 %', 'learning rate']))
    expect(linesOf(svg, 's0')).toHaveLength(3)
    const validation = linesOf(svg, 's1')
    expect(validation).toHaveLength(2)
    for (const line of validation) expect(new Set(line.map(([, y]) => y)).size).toBe(1)
  })

  test('of several runs are overlaid, in colours of their own', async () => {
    const runs = ['one', 'two', 'three'].map((name, index) => ({ name, epochs: EPOCHS.slice(index) }))
    const svg = await plotTrainingCurves(runs)
    expect(textsOf(svg)).toEqual(expect.arrayContaining(['3 trainings', 'one', 'two', 'three']))
    expect(['s0', 's1', 's2'].map((name) => linesOf(svg, name).map((line) => line.length))).toEqual([
      [3, 3],
      [2, 2],
      [1, 1],
    ])
    // The same epoch has the same place in all of them.
    const last = ['s0', 's1'].map((name) => linesOf(svg, name)[0]?.at(-1))
    expect(last[0]).toEqual(last[1])
  })

  test('leave out what is not finite, and thin out very many epochs', async () => {
    const gap = EPOCHS.map((epoch) => (epoch.epoch === 2 ? { ...epoch, trainLoss: Number.NaN } : epoch))
    const svg = await plotTrainingCurves([{ name: 'gap', epochs: gap }])
    expect(svg).not.toContain('NaN')
    expect(linesOf(svg, 's0').map((line) => line.length)).toEqual([2, 3])
    const many = Array.from({ length: 100_000 }, (_, index) => ({ epoch: index + 1, trainLoss: 1, trainAccuracy: 0 }))
    const long = await plotTrainingCurves([{ name: 'long', epochs: many }])
    expect(long.length).toBeLessThan(100_000)
    await render(await plotTrainingCurves([{ name: 'nothing yet', epochs: [] }]))
  })

  test('are refused without runs, or with what is none', async () => {
    for (const runs of [[], Array(25).fill({ name: 'a', epochs: [] }), [{ epochs: [] }], 'runs', [null]]) {
      await expectError(() => plotTrainingCurves(runs as []), 'ERR_INVALID_ARGUMENT', 'runs')
    }
  })

  test('escape the names of runs', async () => {
    const svg = await plotTrainingCurves([{ name: '</text><script>"&\u0007', epochs: EPOCHS }])
    expect(svg).not.toContain('<script')
    expect(textsOf(svg)).toContain('Training of </text><script>"&\\u0007')
    await render(svg)
  })
})

describe('the theme', () => {
  const corner = async (theme: 'auto' | 'light' | 'dark') => {
    const svg = await plotTrainingCurves([{ name: 'a', epochs: EPOCHS }], { theme })
    return { svg, pixel: pixelAt(await render(svg), 2, 2) }
  }

  test('light is white, dark is dark, and auto decides when it is shown', async () => {
    const [light, dark, auto] = [await corner('light'), await corner('dark'), await corner('auto')]
    expect(light.pixel).toEqual([255, 255, 255, 255])
    expect(dark.pixel).toEqual([0x0d, 0x11, 0x17, 255])
    expect(auto.svg).toContain('@media screen and (prefers-color-scheme:dark)')
    for (const { svg } of [light, dark]) expect(svg).not.toContain('@media')
  })
})

describe('a confusion matrix', () => {
  test('has its counts, precision and recall', async () => {
    const matrix = [
      [8, 2, 0],
      [1, 3, 0],
      [0, 0, 0],
    ]
    const svg = await plotConfusionMatrix(matrix, { classNames: ['cat', 'dog'] })
    const texts = textsOf(svg)
    expect(texts).toEqual(expect.arrayContaining(['What is taken for what: 3 mistakes in 14 images', 'cat', 'dog', '2', '8', '1', '3']))
    expect(texts).toEqual(expect.arrayContaining(['80 %', '75 %', '88.9 %', '60 %']))
    expect(texts).not.toContain('NaN %')
    expect(altTextOf(svg).description).toBe(
      '11 of 14 images are recognised. Most often: cat taken for dog 2 times, dog taken for cat once.',
    )
    // Right answers are blue, mistakes orange; where there is nothing, there is no cell.
    expect(svg.match(/<rect class="cold"/g)).toHaveLength(2)
    expect(svg.match(/<rect class="warm"/g)).toHaveLength(2)
    await render(svg)
  })

  test('of many classes is a heat map of shares', async () => {
    const classes = 40
    const matrix = Array.from({ length: classes }, (_, label) =>
      Array.from({ length: classes }, (_, answer) => (label === answer ? 3 : label === 0 ? 1 : 0)),
    )
    const [map] = await imagesOf(await plotConfusionMatrix(matrix))
    expect(map).toMatchObject({ width: classes, height: classes })
    expect(pixelAt(map as NonNullable<typeof map>, 0, 0)[3]).toBe(Math.round((255 * 3) / 42))
    expect(pixelAt(map as NonNullable<typeof map>, 1, 1)[3]).toBe(255)
    expect(pixelAt(map as NonNullable<typeof map>, 0, 1)[3]).toBe(0)
  })

  test('that is no square of counts is refused', async () => {
    for (const matrix of [[], [[1, 2]], [[-1]], [[0.5]], 'matrix', [[1, 2], [3]]]) {
      await expectError(() => plotConfusionMatrix(matrix as number[][]), 'ERR_INVALID_ARGUMENT', 'confusionMatrix')
    }
  })
})

describe('gradient norms', () => {
  function norms(shape: number[], value: (index: number) => number): Tensor {
    return { data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => value(index)), shape }
  }

  test('are straight on their axis where each is ten times the one before', async () => {
    const svg = await plotGradientNorms(norms([2, 4, 1], (index) => 10 ** ((index % 4) - 3) / (1 + Math.floor(index / 4))))
    const [line = []] = linesOf(svg, 's0')
    expect(line).toHaveLength(4)
    const steps = line.slice(1).map(([, y], index) => y - (line[index] as [number, number])[1])
    for (const step of steps) expect(step).toBeCloseTo(steps[0] as number, 2)
    expect(textsOf(svg)).toEqual(expect.arrayContaining(['layer 1', 'layer 2', '1', '10⁻³', 'row of the image (step)']))
    expect(altTextOf(svg).description).toContain('Layer 1 (reads the image): 0.00100 after the first row, 1.00 after the last')
    await render(svg)
  })

  test('of several images are their median, with a band', async () => {
    const svg = await plotGradientNorms(norms([1, 2, 5], (index) => [1, 2, 3, 4, 5, 10, 20, 30, 40, 50][index] as number))
    expect(altTextOf(svg).description).toContain('3.00 after the first row, 30.0 after the last')
    expect(linesOf(svg, 'f0')[0]).toHaveLength(4) // Two steps, there and back.
    expect(textsOf(svg).join(' ')).toContain('The median of 5 images')
  })

  test('are those of the sequences that have not ended', async () => {
    const svg = await plotGradientNorms(norms([1, 2, 5], (index) => [1, 2, 3, 4, 5, 10, 0, 0, 0, 0][index] as number))
    expect(altTextOf(svg).description).toContain('3.00 after the first row, 10.0 after the last')
  })

  test('that are all 0 are said to be so', async () => {
    const svg = await plotGradientNorms(norms([1, 2, 3], () => 0))
    expect(textsOf(svg)).toContain('All gradients are 0.')
    await render(svg)
  })
})

describe('eigenvalues', () => {
  const name = 'basic_rnn.weight_hh_l0'

  test('are those of the matrix', async () => {
    // A rotation by 90 degrees, and 0.5: the eigenvalues are i, -i and 0.5.
    const data = Float32Array.from([0, -1, 0, 1, 0, 0, 0, 0, 0.5])
    const svg = await plotEigenvalues(new Map([[name, { data, shape: [3, 3] }]]))
    const coordinate = (circle: string, name: string) => Number(new RegExp(` ${name}="([\\d.]+)"`).exec(circle)?.[1])
    const dots = Array.from(svg.matchAll(/<circle[^>]*>/g), ([circle]) => [coordinate(circle, 'cx'), coordinate(circle, 'cy')] as const)
    expect(dots).toHaveLength(3)
    const sorted = [...dots].sort((one, other) => one[1] - other[1]) as [
      readonly [number, number],
      readonly [number, number],
      readonly [number, number],
    ]
    const [top, right, bottom] = sorted
    expect(top[0]).toBeCloseTo(bottom[0], 2)
    const unit = (bottom[1] - top[1]) / 2
    expect(right[0] - top[0]).toBeCloseTo(unit / 2, 1)
    expect(right[1]).toBeCloseTo((top[1] + bottom[1]) / 2, 1)
    expect(textsOf(svg)).toContain('Layer 1, largest |λ| 1.00')
    expect(altTextOf(svg).description).toContain('layer 1: the largest has the absolute value 1.000, 0 of 3 lie outside the circle')
    await render(svg)
  })

  test('of a shift in a circle are the roots of 1', async () => {
    const neurons = 12
    const data = Float32Array.from({ length: neurons ** 2 }, (_, index) => ((index - 1) % (neurons + 1) === 0 ? 1 : 0))
    data[(neurons - 1) * neurons] = 1
    const values = await eigenvaluesOf({ data, shape: [neurons, neurons] })
    const turns = values.map(({ re, im }) => (neurons * Math.atan2(im, re)) / (2 * Math.PI))
    expectClose(
      values.map(({ re, im }) => Math.hypot(re, im)),
      values.map(() => 1),
      { atol: 1e-12 }, // float64
    )
    expect(turns.map((turn) => (Math.round(turn) + neurons) % neurons).sort((one, other) => one - other)).toEqual([
      ...Array(neurons).keys(),
    ])
    expectClose(turns, turns.map(Math.round), { atol: 1e-12 })
  })

  test('of a symmetric matrix, and of one that is far from it, are exact to float64', async () => {
    // (0.5 ± 0.25), and a triangle, whose diagonal they are.
    const spectrumOf = async (data: number[]) =>
      (await eigenvaluesOf({ data: Float32Array.from(data), shape: [2, 2] })).sort((one, other) => one.re - other.re)
    const symmetric = await spectrumOf([0.5, 0.25, 0.25, 0.5])
    expectClose([...symmetric.map(({ re }) => re), ...symmetric.map(({ im }) => im)], [0.25, 0.75, 0, 0], { atol: 1e-15 })
    const triangle = await spectrumOf([3, 1000, 0, -2])
    expectClose([...triangle.map(({ re }) => re), ...triangle.map(({ im }) => im)], [-2, 3, 0, 0], { atol: 1e-12 })
  })

  test('of what is not finite are refused', async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const tensor = { data: Float32Array.from([1, 0, bad, 1]), shape: [2, 2] }
      const state = new Map([
        [name, { data: new Float32Array(4), shape: [2, 2] }],
        ['basic_rnn.weight_hh_l1', tensor],
      ])
      await expectError(() => plotEigenvalues(state), 'ERR_NOT_FINITE', 'layer 2')
      await expectError(() => eigenvaluesOf(tensor), 'ERR_NOT_FINITE', 'NaN or an infinity')
    }
  })
})

test('the same numbers give the same bytes', async () => {
  const draw = async () => await plotTrainingCurves([{ name: 'a', epochs: EPOCHS }])
  expect(await draw()).toBe(await draw())
})
