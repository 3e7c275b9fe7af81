/** Learning rates against those of PyTorch's schedulers. */
import { cosineSchedule, oneCycleSchedule, type Schedule, stepSchedule, warmupCosineSchedule } from '../../lib/training/schedules'
import { expectClose } from '../support/expect-close'
import { reference } from '../support/reference-numbers'

const UPDATES = 20
const RATE = 0.1

/** By the calls of PyTorch that the reference names. */
const SCHEDULES: Record<string, Schedule> = {
  constant: () => RATE,
  'StepLR(step_size=5, gamma=0.5)': stepSchedule(RATE, 5, 0.5),
  'CosineAnnealingLR(T_max=20, eta_min=0.001)': cosineSchedule(RATE, UPDATES, 0.001),
  'OneCycleLR(max_lr=0.1, total_steps=20, pct_start=0.3, cycle_momentum=False)': oneCycleSchedule(RATE, UPDATES, 0.3),
  'SequentialLR(LinearLR(start_factor=0.1, total_iters=5), CosineAnnealingLR(T_max=15), milestones=[5])': warmupCosineSchedule(
    RATE,
    UPDATES,
    5,
    0,
  ),
}

test('every schedule of the reference is compared', () => {
  expect(Object.keys(reference.schedules)).toEqual(Object.keys(SCHEDULES))
})

// PyTorch multiplies rates up from update to update, so they differ from the closed form in their last digits.
test.each(Object.entries(SCHEDULES))('%s', (name, schedule) => {
  const rates = Array.from({ length: UPDATES }, (_, update) => schedule(update))
  expectClose(rates, reference.schedules[name] ?? [], { rtol: 1e-12 })
})
