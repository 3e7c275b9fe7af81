/** The statistics of the benchmarks, against numbers that are known from elsewhere. */
import { runModule } from '../support/bootstrap-modules'
import { expectClose } from '../support/expect-close'

function compute(expression: string): Promise<unknown> {
  return runModule(['../bench/statistics.mjs'], `console.log(JSON.stringify(${expression}))`)
}

test('mean and standard deviation', async () => {
  const computed = await compute('[mean([1, 2, 3, 4]), deviation([1, 2, 3, 4])]')
  expectClose(computed as number[], [2.5, Math.sqrt(5 / 3)], { rtol: 1e-14 })
  expect(await compute('[deviation([7])]')).toEqual([null]) // A single value has none.
})

test("Student's t is that of the tables", async () => {
  const table = [
    [0.95, 1, 12.7062047],
    [0.95, 2, 4.3026527],
    [0.95, 3, 3.1824463],
    [0.95, 4, 2.7764451],
    [0.95, 9, 2.2621572],
    [0.95, 30, 2.0422725],
    [0.99, 4, 4.6040949],
    [0.5, 1, 1],
    [0.95, 999, 1.9623415],
  ]
  const pairs = JSON.stringify(table.map(([share, degrees]) => [share, degrees]))
  const quantiles = await compute(`${pairs}.map(([share, degrees]) => studentQuantile(share, degrees))`)
  expectClose(
    quantiles as number[],
    table.map(([, , quantile = 0]) => quantile),
    { rtol: 3e-8 },
  )
})

test('a difference in pairs has a standard error and an interval', async () => {
  // The differences 2, 1, 4: mean 7/3, squares around it 42/9, variance 21/9, t = 4.3026527.
  const computed = (await compute('pairedDifference([3, 5, 8], [1, 4, 4])')) as Record<'mean' | 'standardError' | 'low' | 'high', number>
  const { mean, standardError, low, high } = computed
  expect(computed).toMatchObject({ differences: [2, 1, 4] })
  const reach = 4.3026527 * Math.sqrt(21 / 9 / 3)
  expectClose([mean, standardError, low, high], [7 / 3, Math.sqrt(21 / 9 / 3), 7 / 3 - reach, 7 / 3 + reach], { rtol: 1e-7 })
  expect(await compute('pairedDifference([3], [1])')).toEqual({ differences: [2], mean: 2 })
})
