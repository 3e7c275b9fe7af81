/** stdout that is closed or cannot be written: no crash, no stack, no model lost. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { linesOf, MAIN, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'
import { describeWhere } from '../support/needs'
import { runCommand } from '../support/run-program'

const { path, start, succeed } = useCommandLine()

const FULL = 'Error: Cannot write the standard output: the disk is full (ENOSPC). Free some space or choose another disk.'

describe('a reader that stops early (as in `| head -n 1`) is no error', () => {
  test.each([
    ['of --help', ['--help']],
    ["of a command's help", ['help', 'train']],
    ['of a completion script', ['completion', 'bash']],
    ['of a summary', ['summary', '--json']],
    ['of what the data holds', ['explore', ...TINY_DATA]],
  ])('%s', async (_, args) => {
    const program = start(args)
    program.closeStdout() // Before it can start to write.
    expect(await program.ended).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
  })
})

/** A Linux device: every write to it fails with "disk full". */
const describeWithFullDevice = describeWhere(existsSync('/dev/full'), '/dev/full')

describeWithFullDevice('stdout on a full disk is told in one line', () => {
  function run(args: readonly string[]) {
    const program = [process.execPath, MAIN, ...args]
    return runCommand('sh', ['-c', '"$@" > /dev/full', 'sh', ...program], { cwd: path(), env: { TORCH_RNN_MNIST_CUDA: '0' } })
  }

  test.each([
    ['--help', ['--help']],
    ['completion', ['completion', 'zsh']],
    ['summary', ['summary']],
    ['summary --json', ['summary', '--json']],
    ['explore', ['explore', ...TINY_DATA]],
  ])('%s', async (_, args) => {
    const { code, stderr } = await run(args)
    expect({ code, stderr }).toEqual({ code: 1, stderr: `${FULL}\n` })
  })

  test('a wrong command line still ends with its own exit code', async () => {
    const { code, stderr } = await run(['trian', '--json'])
    expect(code).toBe(2)
    expect(stderr).toContain('Did you mean train?')
  })

  test.each([['--json'], ['--quiet'], ['--no-shuffle']])('a training with %s saves its model', async (flag) => {
    const { code, stderr } = await run([...TINY_RUN, '--epochs', '2', '--run', 'run', flag])
    expect(code).toBe(1)
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(/^Warning: .*The model as it is now was saved to run.model\.safetensors\.( Go on with: .*)?$/),
      FULL,
    ])
    expect(readdirSync(path('run')).filter((name) => name.includes('tmp'))).toEqual([])
    await succeed(['evaluate', ...TINY_DATA, '--model', join('run', 'model.safetensors')])
  })
})
