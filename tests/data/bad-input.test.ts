/** Arrays that cannot be used: each is refused with a code, and the model still works. */
import { ImageDataset } from '../../lib'
import { expectError } from '../support/expect-error'
import { smallImages, useModels } from '../support/sample-models'

const createModel = useModels()
const SHAPE = [1, 4, 5] as const
const PIXELS = 20

function detached<Pixels extends Uint8Array | Uint8ClampedArray | Float32Array>(pixels: Pixels): Pixels {
  structuredClone(pixels.buffer, { transfer: [pixels.buffer as ArrayBuffer] })
  return pixels
}

/** A view that tracks the length of its buffer, after the buffer has shrunk. */
function shrunk(): Uint8Array {
  // TypeScript declares it from ES2024 on, but Node 20 has it.
  const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer & { resize(length: number): void }
  const buffer = new Resizable(PIXELS, { maxByteLength: 2 * PIXELS })
  const view = new Uint8Array(buffer)
  buffer.resize(PIXELS - 5)
  return view
}

/** A view whose part of the buffer is gone, so that its length is 0. */
function outOfBounds(): Uint8Array {
  const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer & { resize(length: number): void }
  const buffer = new Resizable(2 * PIXELS, { maxByteLength: 2 * PIXELS })
  const view = new Uint8Array(buffer, PIXELS, PIXELS)
  buffer.resize(PIXELS)
  return view
}

const UNUSABLE = [
  ['a detached Uint8Array', () => detached(new Uint8Array(PIXELS))],
  ['a detached Uint8ClampedArray', () => detached(new Uint8ClampedArray(PIXELS))],
  ['a detached Float32Array', () => detached(new Float32Array(PIXELS))],
  ['a view on a buffer that shrank', shrunk],
  ['a view outside of its buffer', outOfBounds],
] as const

describe.each(UNUSABLE)('%s', (_, make) => {
  test('is refused by forward and predict', async () => {
    const model = createModel()
    await expectError(() => model.forward({ data: make(), shape: SHAPE }), 'ERR_INVALID_SHAPE', '20 values')
    await expectError(() => model.predict({ data: make(), shape: SHAPE }), 'ERR_INVALID_SHAPE', '20 values')
    expect((await model.forward(smallImages(1))).shape).toEqual([1, 3])
  })

  test('is refused as images of a data set', async () => {
    const code = make === shrunk ? 'ERR_INVALID_SHAPE' : 'ERR_INVALID_DATA' // What shrank has a length, a wrong one.
    const error = await expectError(() => new ImageDataset({ images: make(), shape: [...SHAPE], labels: [0] }), code)
    expect(error.expected).toBeDefined()
  })

  test('is refused in a state dict, which leaves the model as it was', async () => {
    const model = createModel()
    const logits = await model.forward(smallImages(2))
    const state = await model.stateDict()
    const data = make() as unknown as Float32Array
    await expectError(() => model.loadStateDict(state.set('FC.bias', { data, shape: [3] })), 'ERR_INVALID_SHAPE', 'FC.bias')
    expect(await model.forward(smallImages(2))).toEqual(logits)
  })
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  '%p among the pixels is refused, with its place',
  async (value) => {
    const model = createModel()
    const data = new Float32Array(3 * PIXELS).fill(0.5)
    data[22] = value
    await expectError(() => model.forward({ data, shape: [3, 4, 5] }), 'ERR_INVALID_DATA', 'index 22')
    await expectError(() => model.predict({ data, shape: [3, 4, 5] }), 'ERR_INVALID_DATA', 'index 22')
    expect((await model.predict(smallImages(1))).classes).toHaveLength(1)
  },
)
