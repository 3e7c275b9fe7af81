/** Runs that are killed with SIGKILL, by which nothing can be saved, and that go on all the same. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { readCheckpoint, type StoredCheckpoint } from '../../lib/checkpoints/checkpoint-file'
import { findCheckpoint } from '../../lib/checkpoints/checkpoint-folder'
import { MAIN } from './command-line'
import { type RunningProgram, startNode } from './run-program'

/** Where a program can be killed: in the middle of what it does to a file, or while it computes. */
export const PLACES = ['write', 'sync', 'rename', 'renamed', 'sync of the folder', 'prune', 'lock', 'computing'] as const
export type Place = (typeof PLACES)[number]

/** When a program is killed. */
export interface Kill {
  readonly place: Place
  /** At which visit of the place; while computing, after how many ms. */
  readonly count: number
}

const PAUSES = join(__dirname, 'pause-at-write.cjs')

/** A run in a folder that is killed again and again. */
export class KilledRun {
  readonly #folder: string
  readonly #run: string
  /** The latest checkpoint that was announced as safe. */
  #announced: string | undefined

  /** @param folder - Where the program runs. @param run - The run's folder in it. */
  constructor(folder: string, run: string) {
    this.#folder = folder
    this.#run = run
  }

  /** Begins the run, and lets it have its first checkpoint. */
  async begin(args: readonly string[]): Promise<void> {
    await this.#finish(this.#start([...args, '--run', this.#run, '--stop-after-epochs', '1']))
  }

  /**
   * Lets the run go on, and kills it. Checks that no checkpoint is lost or broken by that.
   *
   * @returns False when the run was complete before it came to the place.
   */
  async kill({ place, count }: Kill): Promise<boolean> {
    const program = this.#start(['--resume', '--run', this.#run], place === 'computing' ? {} : { PAUSE_AT: `${place}:${count}` })
    const isReached = place === 'computing' ? isComputing(program, count) : program.line(/^paused at /)
    await isReached.catch(() => undefined) // The program has ended before.
    await program.kill()
    const { code, signal, stdout, stderr } = await program.ended
    const isKilled = signal === 'SIGKILL'
    if (!isKilled && code !== 0) throw new Error(`The run could not go on (${code ?? signal}):\n${stdout}\n${stderr}`)
    this.#listen(stdout)
    await this.#check()
    return isKilled
  }

  /** Lets the run go on to its end. */
  async finish(): Promise<void> {
    await this.#finish(this.#start(['--resume', '--run', this.#run]))
  }

  async #finish(program: RunningProgram): Promise<void> {
    const { code, stdout, stderr } = await program.ended
    if (code !== 0) throw new Error(`The run failed (${code}):\n${stdout}\n${stderr}`)
    this.#listen(stdout)
    await this.#check()
  }

  #start(args: readonly string[], env: Record<string, string> = {}): RunningProgram {
    const preload = { TORCH_RNN_MNIST_CUDA: '0', NODE_OPTIONS: `--require=${JSON.stringify(PAUSES)}`, ...env }
    return startNode([MAIN, ...args, '--json'], { cwd: this.#folder, env: preload })
  }

  /** Remembers what was announced. The last line may be torn. */
  #listen(stdout: string): void {
    const lines = stdout.split('\n').slice(0, -1)
    const events = lines.map((line) => JSON.parse(line) as { type: string; file?: string })
    const kept = events.filter(({ type }) => type === 'checkpoint')
    this.#announced = kept.at(-1)?.file ?? this.#announced
  }

  /** Every checkpoint that is there is whole, and the latest is at least as late as any that was announced. */
  async #check(): Promise<void> {
    const folder = join(this.#folder, this.#run, 'checkpoints')
    for (const name of readdirSync(folder).filter((name) => /^(epoch-.*|best)\.safetensors$/.test(name))) {
      await readCheckpoint(join(folder, name))
    }
    const announced = this.#announced === undefined ? '' : basename(this.#announced)
    const latest = basename(await findCheckpoint(folder))
    if (orderOf(latest) < orderOf(announced)) throw new Error(`${announced} was announced as safe, but the latest checkpoint is ${latest}.`)
    if (!existsSync(join(folder, 'best.safetensors'))) throw new Error('The best checkpoint is lost.')
  }
}

/** A text that sorts like the place in the training: names have leading zeros, and an epoch's end comes before the batches of the next one. */
function orderOf(name: string): string {
  return name.replace(/\.safetensors$/, '').replace(/^(epoch-\d+)$/, '$1-batch-00000')
}

/** Waits until the training runs, and then for some ms: the moment is meant to be any. */
async function isComputing(program: RunningProgram, ms: number): Promise<void> {
  await program.line(/"type":"batch"/)
  await new Promise((resolve) => setTimeout(resolve, ms))
}

/** The optimizer and parameters of all checkpoints of a run, by name. */
export async function statesOf(run: string): Promise<Record<string, StoredCheckpoint['state']>> {
  const folder = join(run, 'checkpoints')
  const names = readdirSync(folder).filter((name) => name.endsWith('.safetensors'))
  const entries = names.map(async (name) => [name, (await readCheckpoint(join(folder, name))).state] as const)
  return Object.fromEntries(await Promise.all(entries))
}
