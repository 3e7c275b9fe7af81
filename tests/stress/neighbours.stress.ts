/** Other native packages in the same process, loaded before and after this one: each still computes correctly. */
import { join } from 'node:path'
import { runScript, WELL_ENDED } from '../support/child-script'

const NEIGHBOURS = join(__dirname, 'neighbours', 'node_modules')

/** Each uses its package and gives a short answer that proves it. */
const USES = {
  torch: `async () => (await new ImageRNN(options).train(dataset(), { epochs: 1 })).epochs.length`,
  sharp: `async () => {
    const sharp = require(${JSON.stringify(join(NEIGHBOURS, 'sharp'))})
    const pixels = { raw: { width: 4, height: 4, channels: 1 } }
    const png = await sharp(Buffer.alloc(16, 200), pixels).resize(2, 2).png().toBuffer()
    const { data } = await sharp(png).extractChannel(0).raw().toBuffer({ resolveWithObject: true })
    return Array.from(data)
  }`,
  onnx: `async () => {
    const ort = require(${JSON.stringify(join(NEIGHBOURS, 'onnxruntime-node'))})
    const session = await ort.InferenceSession.create(identityModel())
    const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(3, 4), [2]) })
    return Array.from(y.data)
  }`,
}
const ANSWERS = { torch: 1, sharp: [200, 200, 200, 200], onnx: [3, 4] }

/** An ONNX model of one Identity node, encoded as a protocol buffer: fields are [number, value]. */
const IDENTITY_MODEL = `
  const identityModel = () => {
    const field = (number, value) => {
      if (typeof value === 'number') return [number << 3, value]
      const bytes = typeof value === 'string' ? [...Buffer.from(value)] : value.flat()
      return [(number << 3) | 2, bytes.length, ...bytes]
    }
    const FLOAT = 1
    const shape = [field(1, [field(1, 2)])]
    const value = (name) => [field(1, name), field(2, [field(1, [field(1, FLOAT), field(2, shape)])])]
    const node = [field(1, 'x'), field(2, 'y'), field(4, 'Identity')]
    const graph = [field(1, node), field(2, 'graph'), field(11, value('x')), field(12, value('y'))]
    return Uint8Array.from([field(1, 8), field(7, graph), field(8, [field(2, 13)])].flat())
  }
`

test.each([[['torch', 'sharp', 'onnx']], [['onnx', 'sharp', 'torch']], [['sharp', 'torch', 'onnx']]] as const)(
  '%p work in this order, and again',
  async (order) => {
    const uses = order.map((name) => `${name}: ${USES[name]}`).join(',\n')
    const body = `
    ${IDENTITY_MODEL}
    const uses = { ${uses} }
    for (let round = 0; round < 2; round += 1) {
      for (const [name, use] of Object.entries(uses)) console.log(JSON.stringify([name, await use()]))
    }
  `
    const outcome = await runScript(body)
    expect(outcome).toMatchObject(WELL_ENDED)
    const answers = outcome.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const expected = order.map((name) => [name, ANSWERS[name]])
    expect(answers).toEqual([...expected, ...expected])
  },
  120_000,
)
