/** Learning rates against those of PyTorch's schedulers. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { resolveOptions } from '../../lib/options/checks'
import { OPTIONS } from '../../lib/options/options'
import { plateauAfter, startPlateau } from '../../lib/training/plateau'
import {
  cosineSchedule,
  makeSchedule,
  oneCycleSchedule,
  type Schedule,
  stepSchedule,
  warmupCosineSchedule,
} from '../../lib/training/schedules'
import { expectClose } from '../support/expect-close'
import { reference } from '../support/reference-numbers'

/** PyTorch multiplies rates up from update to update, so they differ from those of a formula in their last digits. */
const TOLERANCE = { rtol: 1e-12 }

const UPDATES = 20
const RATE = 0.1

/** By the calls of PyTorch that the reference names. */
const SCHEDULES: Record<string, Schedule> = {
  constant: makeSchedule({ ...resolveOptions(OPTIONS.schedule, {}, 'train'), learningRate: RATE }, UPDATES, UPDATES),
  'StepLR(step_size=5, gamma=0.5)': stepSchedule(RATE, 5, 0.5),
  'CosineAnnealingLR(T_max=20, eta_min=0.001)': cosineSchedule(RATE, UPDATES, 0.001),
  'OneCycleLR(max_lr=0.1, total_steps=20, pct_start=0.3, cycle_momentum=False)': oneCycleSchedule(RATE, UPDATES, 0.3),
  'SequentialLR(LinearLR(start_factor=0.1, total_iters=5), CosineAnnealingLR(T_max=15), milestones=[5])': warmupCosineSchedule(
    ...[RATE, UPDATES, 5, 0],
  ),
}

/** Made by fixtures/pytorch/make_schedules.py. */
interface Fixture {
  readonly rate: number
  readonly byUpdate: readonly { options: object; epochs: number; updatesPerEpoch: number; rates: number[] }[]
  readonly plateau: readonly { options: object; losses: (number | string)[]; rates: number[] }[]
}

const fixture: Fixture = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'pytorch', 'schedules.json'), 'utf8'))

test('every schedule of the reference is compared', () => {
  expect(Object.keys(reference.schedules)).toEqual(Object.keys(SCHEDULES))
})

test.each(Object.entries(SCHEDULES))('%s', (name, schedule) => {
  const rates = Array.from({ length: UPDATES }, (_, update) => schedule(update))
  expectClose(rates, reference.schedules[name] ?? [], TOLERANCE)
})

test.each(fixture.byUpdate)('$options in $epochs epochs of $updatesPerEpoch updates', ({ options, epochs, updatesPerEpoch, rates }) => {
  const resolved = { ...resolveOptions(OPTIONS.schedule, options, 'train'), learningRate: fixture.rate }
  const updates = epochs * updatesPerEpoch
  const schedule = makeSchedule(resolved, updates, updatesPerEpoch)
  expectClose(
    Array.from({ length: updates }, (_, update) => schedule(update)),
    rates,
    TOLERANCE,
  )
})

test.each(fixture.plateau)('plateau with $options after the losses $losses', ({ options, losses, rates }) => {
  const resolved = resolveOptions(OPTIONS.schedule, options, 'train')
  let state = startPlateau(fixture.rate)
  const got = losses.map((loss) => {
    state = JSON.parse(JSON.stringify(plateauAfter(state, Number(loss), resolved))) // As from a checkpoint.
    return state.learningRate
  })
  expectClose(got, rates, TOLERANCE)
})

test('where a part of a schedule has no length, the rate is that of its end', () => {
  // PyTorch divides by zero here.
  expect(oneCycleSchedule(RATE, 20, 0.05)(0)).toBe(RATE)
  expect(oneCycleSchedule(RATE, 1, 1)(0)).toBe(RATE)
})
