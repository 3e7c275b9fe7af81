/** One line on a bare machine. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { useBareMachine } from './bare-machine'

const machine = useBareMachine()

test('the machine has neither Python nor compiler', async () => {
  const names = ['python', 'python3', 'cc', 'c++', 'gcc', 'g++', 'clang', 'make', 'cmake', 'git']
  const script = `for name in ${names.join(' ')}; do command -v $name; done; command -v node`
  expect(await machine.succeed('sh', ['-c', script], { cwd: machine.path() })).toBe(`${machine.path('bin', 'node')}\n`)
})

test('npx rnn-mnist-train fetches the command and trains on MNIST', async () => {
  const folder = machine.folder('empty')
  const stdout = await machine.succeed('npx', ['--yes', 'rnn-mnist-train', '--epochs', '1'], { cwd: folder })
  expect(stdout).toMatch(/^Data: 60000 training and 10000 test images$/m)
  expect(stdout).toMatch(/^Epoch : 00 \| Loss : \d\.\d{4} \| Train Accuracy : [78]\d\.\d\d %$/m)
  expect(stdout).toMatch(/^Test Loss : \d\.\d{4} \| Test Accuracy : [89]\d\.\d\d %$/m)
  expect(readdirSync(folder)).toEqual(['runs'])
  const [run = ''] = readdirSync(join(folder, 'runs'))
  expect(readdirSync(join(folder, 'runs', run))).toContain('model.safetensors')
  expect(JSON.parse(readFileSync(join(folder, 'runs', run, 'config.json'), 'utf8')).versions).toHaveProperty('torch-rnn-mnist')
  expect(readdirSync(machine.path('home')).sort()).toEqual(['.npm', '.npmrc'])
})
