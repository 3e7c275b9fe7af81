/** Pictures of what goes on inside: each pixel of a heat map is one value. */
import { plotClassProbabilities, plotHiddenStates, plotMistakes, plotRecurrentWeights, type Tensor } from '../../lib'
import { COLD, WARM } from '../../lib/charts/theme'
import { expectError } from '../support/expect-error'
import { altTextOf, imagesOf, type Pixels, pixelAt, render, textsOf } from '../support/svg-content'

function tensor(shape: number[], value: (index: number) => number): Tensor {
  const size = shape.reduce((product, each) => product * each, 1)
  return { data: Float32Array.from({ length: size }, (_, index) => value(index)), shape }
}

/** What a pixel of a value is, from -limit to limit. */
function colourOf(value: number, limit: number): number[] {
  return [...(value < 0 ? COLD : WARM), Math.round(255 * Math.min(1, Math.abs(value) / limit))]
}

/** Compares each pixel; of a transparent one, the colour does not matter. */
function expectPixels(image: Pixels | undefined, width: number, height: number, colour: (x: number, y: number) => number[]): void {
  expect(image).toMatchObject({ width, height })
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [found, wanted] = [pixelAt(image as Pixels, x, y), colour(x, y)]
      const isClear = found[3] === 0 && wanted[3] === 0
      expect([x, y, isClear ? [] : found]).toEqual([x, y, isClear ? [] : wanted])
    }
  }
}

const [LAYERS, STEPS, SAMPLES, NEURONS] = [2, 4, 3, 5]

describe('hidden states', () => {
  const states = tensor([LAYERS, STEPS, SAMPLES, NEURONS], (index) => Math.sin(index))
  const at = (layer: number, step: number, sample: number, neuron: number) =>
    states.data[((layer * STEPS + step) * SAMPLES + sample) * NEURONS + neuron] as number

  test('are one map a layer, a row a step and a column a neuron, from -1 to 1', async () => {
    const svg = await plotHiddenStates(states, { sample: 1 })
    const maps = await imagesOf(svg)
    expect(maps).toHaveLength(LAYERS)
    for (const [layer, map] of maps.entries()) expectPixels(map, NEURONS, STEPS, (x, y) => colourOf(at(layer, y, 1, x), 1))
    expect(textsOf(svg)).toEqual(
      expect.arrayContaining(['Layer 1 (reads the image)', 'Layer 2 (top: gives the answer)', 'neuron', '−1', '0', '1']),
    )
    const { title, description } = altTextOf(svg)
    expect(title).toBe('Hidden states, row by row')
    const values = Array.from({ length: STEPS * NEURONS }, (_, index) => at(0, Math.floor(index / NEURONS), 1, index % NEURONS))
    expect(description).toContain(`layer 1: ${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`)
    await render(svg)
  })

  test('without bounds, as with relu, have a scale for each layer', async () => {
    const relu = tensor([1, 2, 1, 3], (index) => [0, 1, 2, 3, 4, 8][index] as number)
    const svg = await plotHiddenStates(relu)
    const [map] = await imagesOf(svg)
    // All but the largest hundredth are within the colours: here all but the 8.
    expectPixels(map, 3, 2, (x, y) => [...COLD, Math.round(255 * Math.min(1, (relu.data[3 * y + x] as number) / 4))])
    expect(textsOf(svg)).toContain('≥ 4')
  })

  test('have the image beside them, in ink as strong as its pixels', async () => {
    const bytes = Uint8Array.from({ length: SAMPLES * STEPS * 2 }, (_, index) => 10 * index)
    const [image] = await imagesOf(await plotHiddenStates(states, { sample: 2, images: { data: bytes, shape: [SAMPLES, STEPS, 2] } }))
    expectPixels(image, 2, STEPS, (x, y) => [0, 0, 0, bytes[2 * STEPS * 2 + 2 * y + x] as number])
  })

  test('that are not finite are grey', async () => {
    const [map] = await imagesOf(await plotHiddenStates(tensor([1, 1, 1, 2], (index) => (index === 0 ? Number.NaN : -0.5))))
    expectPixels(map, 2, 1, (x) => (x === 0 ? [128, 128, 128, 255] : colourOf(-0.5, 1)))
  })

  test('of a wrong shape, sample or image are refused', async () => {
    await expectError(() => plotHiddenStates(tensor([2, 3], () => 0)), 'ERR_INVALID_SHAPE', '[L, T, N, H]', '[2, 3]')
    await expectError(() => plotHiddenStates({ ...states, shape: [2, 4, 3, 6] }), 'ERR_INVALID_SHAPE', 'hiddenStates')
    await expectError(() => plotHiddenStates([] as unknown as Tensor), 'ERR_INVALID_ARGUMENT', 'hiddenStates')
    await expectError(() => plotHiddenStates(states, { sample: 3 }), 'ERR_INVALID_OPTION', 'from 0 to 2', 'sample')
    const image = { data: new Uint8Array(10), shape: [5, 2] } as const
    await expectError(() => plotHiddenStates(states, { images: image }), 'ERR_INVALID_SHAPE', 'images', '[3, 4, 2]')
    await expectError(() => plotHiddenStates(states, { theme: 'red' as 'dark' }), 'ERR_INVALID_OPTION', 'theme')
  })
})

describe('class probabilities', () => {
  const probabilities: Tensor = { data: Float32Array.from([0.5, 0.3, 0.2, 0.1, 0.8, 0.1, 0.1, 0.15, 0.75]), shape: [3, 1, 3] }

  test('are a map of steps and classes, and the likeliest class where it changes', async () => {
    const svg = await plotClassProbabilities(probabilities, { label: 1 })
    const [map] = await imagesOf(svg)
    expectPixels(map, 3, 3, (x, y) => [...COLD, Math.round(255 * (probabilities.data[3 * y + x] as number))])
    expect(textsOf(svg)).toEqual(expect.arrayContaining(['0\u200250 %', '1\u200280.0 %', '2\u200275 %']))
    expect(altTextOf(svg)).toEqual({
      title: 'What the network thinks so far: it is 1, the answer is 2',
      description: expect.stringContaining('After row 1: 0, 50 %. After row 2: 1, 80.0 %. After row 3: 2, 75 %.'),
    })
  })

  test('of a sequence end with it', async () => {
    const ended = { data: Float32Array.from([...probabilities.data.subarray(0, 6), 0, 0, 0]), shape: [3, 1, 3] }
    const svg = await plotClassProbabilities(ended, { label: 1 })
    expect(altTextOf(svg)).toEqual({
      title: 'What the network thinks so far: it is 1, the answer is 1',
      description: expect.stringMatching(/After row 2: 1, 80.0 %\.$/),
    })
  })

  test('take the names of the classes, whatever is in them', async () => {
    const classNames = ['<script>alert(1)</script>', 'a & "b"', '\u202eevil\u0000']
    const svg = await plotClassProbabilities(probabilities, { label: 0, classNames })
    expect(svg).not.toContain('<script')
    expect(altTextOf(svg).title).toBe('What the network thinks so far: it is <script>alert(1)</s…, the answer is \\u202eevil\\u0000')
    await render(svg)
  })
})

test('mistakes show the images, labels and answers in their order', async () => {
  const images = [0, 1].map((first) => ({ data: Uint8Array.from([first, 100, 200, 255]), shape: [2, 2] as const }))
  const mistakes = images.map((image, index) => ({ image, label: index, answer: 2, probability: 0.9 - index / 4, sample: 7 + index }))
  const svg = await plotMistakes(mistakes, { classNames: ['zero', 'one'] })
  for (const [index, picture] of (await imagesOf(svg)).entries()) {
    expectPixels(picture, 2, 2, (x, y) => [0, 0, 0, images[index]?.data[2 * y + x] as number])
  }
  const texts = textsOf(svg).slice(2)
  expect(texts).toEqual(['zero → 2', '7', '90 %', 'one → 2', '8', '65 %'])
  expect(altTextOf(svg).description).toBe('Image 7: zero taken for 2, 90 % sure. Image 8: one taken for 2, 65 % sure.')
  expect(textsOf(await plotMistakes([]))).toContain('There are no mistakes.')
  await expectError(() => plotMistakes(Array(121).fill(mistakes[0])), 'ERR_INVALID_ARGUMENT', 'at most 120')
  await expectError(
    () => plotMistakes([{ ...(mistakes[0] as (typeof mistakes)[0]), image: { data: new Uint8Array(8), shape: [2, 2, 2] } }]),
    'ERR_INVALID_SHAPE',
    'one image',
  )
})

test('measurements are shown from the least to the greatest, and no padding', async () => {
  const image = { data: Float32Array.from([-100, 0, 300, 100, 7, 7]), shape: [3, 2], lengths: [2] } as const
  const [picture] = await imagesOf(await plotMistakes([{ image, label: 0, answer: 1, probability: 0.5 }]))
  expectPixels(picture, 2, 3, (x, y) => [0, 0, 0, [0, 64, 255, 128, 0, 0][2 * y + x] as number])
})

test('recurrent weights are one map a layer, the matrix as it is', async () => {
  const matrix = tensor([3, 3], (index) => (index - 4) / 100)
  const svg = await plotRecurrentWeights(new Map([['basic_rnn.weight_hh_l0', matrix]]))
  const [map] = await imagesOf(svg)
  // The largest of the absolute values, 0.04, is at both ends.
  expectPixels(map, 3, 3, (x, y) => colourOf(matrix.data[3 * y + x] as number, Math.fround(0.04)))
  expect(textsOf(svg)).toEqual(expect.arrayContaining(['Layer 1', '≤ −0.040', '≥ 0.040']))
  await expectError(() => plotRecurrentWeights(new Map()), 'ERR_INVALID_ARGUMENT', 'basic_rnn.weight_hh_l0')
  const name = 'basic_rnn.weight_hh_l0'
  await expectError(() => plotRecurrentWeights(new Map([[name, tensor([2, 3], () => 0)]])), 'ERR_INVALID_SHAPE', name, '[2, 3]')
  await expectError(() => plotRecurrentWeights(new Map([[name, tensor([1025, 1025], () => 0)]])), 'ERR_INVALID_SHAPE', 'at most 1024')
})
