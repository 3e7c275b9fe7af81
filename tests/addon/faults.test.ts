/** Whatever C++ throws at the border to JavaScript becomes an error of the call, never a crash or a promise that stays pending. */
import { join } from 'node:path'
import { native } from '../../lib/addon/native'
import { runScript, WELL_ENDED } from '../support/child-script'
import { ADDON_FOLDER } from '../support/installed-package'

type Settle = (failure: unknown) => void

/** What tests/addon/faults exports. */
interface Faults {
  inFunction(kind: string): void
  inWork(kind: string): Promise<void>
  inConversion(kind: string): Promise<void>
  inTask(kind: string): void
  inEvent(kind: string, handle: (event: string, settle: Settle) => void): Promise<void>
  inReport(stops: boolean, handle: (event: object | null, settle: Settle) => void): Promise<void>
  withoutThreads(): Promise<void> | undefined
  settleUnknown(): Promise<string>
}

const ADDON = join(ADDON_FOLDER, '..', 'tests', 'faults.node')

function load(): Faults {
  native() // Opens libtorch, with which that addon is linked too.
  return require(ADDON)
}

/** What C++ can throw, and how it arrives. */
const NATIVE_KINDS: [string, object][] = [
  ['bad_alloc', { code: 'ERR_OUT_OF_MEMORY', message: 'Not enough memory.' }],
  ['std', { code: 'ERR_NATIVE', message: 'deliberate' }],
  ['torch', { code: 'ERR_NATIVE', message: 'libtorch: deliberate' }],
  ['ours', { code: 'ERR_INVALID_DATA', message: 'deliberate' }],
  ['unknown', { code: 'ERR_NATIVE', message: expect.stringContaining('unknown type') }],
]
const ALL_KINDS: [string, object][] = [...NATIVE_KINDS, ['javascript', { name: 'RangeError', message: 'deliberate' }]]

const settleWell = (_: unknown, settle: Settle) => settle(0)

test.each(ALL_KINDS)('%s in a synchronous function is thrown', (kind, expected) => {
  let thrown: unknown
  try {
    load().inFunction(kind)
  } catch (error) {
    thrown = error
  }
  expect(thrown).toMatchObject(expected)
})

test.each(NATIVE_KINDS)('%s in the work of a computing thread rejects the promise', async (kind, expected) => {
  await expect(load().inWork(kind)).rejects.toMatchObject(expected)
})

test.each(ALL_KINDS)('%s in the conversion of a result rejects the promise', async (kind, expected) => {
  await expect(load().inConversion(kind)).rejects.toMatchObject(expected)
})

describe('a callback', () => {
  const kinds: [string, object][] = [...NATIVE_KINDS, ['javascript', { code: 'ERR_NATIVE', message: 'deliberate' }]]
  test.each(kinds)('whose event cannot be made (%s) is not called, and rejects the call', async (kind, expected) => {
    const events: unknown[] = []
    await expect(load().inEvent(kind, (event) => void events.push(event))).rejects.toMatchObject(expected)
    expect(events).toEqual([])
  })

  test('that throws rejects the call', async () => {
    const handle = () => {
      throw new TypeError('deliberate')
    }
    await expect(load().inEvent('none', handle)).rejects.toMatchObject({ code: 'ERR_NATIVE', message: 'deliberate' })
  })

  test('that throws what cannot be read rejects the call', async () => {
    const handle = () => {
      throw {
        get code() {
          throw new Error('not readable')
        },
      }
    }
    await expect(load().inEvent('none', handle)).rejects.toMatchObject({ code: 'ERR_NATIVE' })
  })

  test('that settles with no number gets an error, and may settle again', async () => {
    const errors: unknown[] = []
    const handle = (event: string, settle: Settle) => {
      expect(event).toBe('event')
      try {
        settle(Symbol('no number'))
      } catch (error) {
        errors.push(error)
      }
      settle(0)
    }
    await load().inEvent('none', handle)
    expect(errors).toMatchObject([{ name: 'TypeError' }])
  })

  test.each([[false], [true]])('that reports progress and fails rejects the call (stopped meanwhile: %p)', async (stops) => {
    const handle = (event: object | null, settle: Settle) => settle(event === null ? 0 : 5)
    await expect(load().inReport(stops, handle)).rejects.toMatchObject({ code: 'ERR_CALLBACK_FAILED', failure: 5 })
  })

  test.each([[false], [true]])('that reports progress and throws rejects the call (stopped meanwhile: %p)', async (stops) => {
    const handle = (event: object | null, settle: Settle) => {
      if (event !== null) throw new Error('deliberate')
      settle(0)
    }
    await expect(load().inReport(stops, handle)).rejects.toMatchObject({ code: 'ERR_NATIVE', message: 'deliberate' })
  })

  test('that does nothing wrong lets the calls resolve', async () => {
    await load().inEvent('none', settleWell)
    await load().inReport(false, settleWell)
    await load().inReport(true, settleWell)
  })
})

test.each(ALL_KINDS)('%s in a task that belongs to no call is an uncaught exception, and later tasks run', async (kind, expected) => {
  const body = `
    new ImageRNN(options) // Loads libtorch.
    const faults = require(${JSON.stringify(ADDON)})
    const uncaught = once(process, 'uncaughtException')
    faults.inTask(${JSON.stringify(kind)})
    await faults.inWork('none')
    const [{ name, code, message }] = await uncaught
    console.log(JSON.stringify({ name, code, message }))
  `
  const outcome = await runScript(body)
  expect(outcome).toMatchObject(WELL_ENDED)
  expect(JSON.parse(outcome.stdout)).toMatchObject(expected)
})

test('a thread that cannot be started rejects the promise', async () => {
  const promise = load().withoutThreads()
  if (process.platform === 'linux') await expect(promise).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' })
  else expect(promise).toBeUndefined()
  await load().inWork('none')
})

test('a promise is settled once, and one that does not exist never', async () => {
  expect(await load().settleUnknown()).toBe('first')
})
