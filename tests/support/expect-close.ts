/** Numbers to compare: flat, in typed or plain arrays. */
type Numbers = ArrayLike<number>

/** How far two numbers may be apart: `atol + rtol * |wanted|`, as in torch.testing.assert_close. */
export interface Tolerance {
  readonly atol?: number
  readonly rtol?: number
}

/** Checks numbers one by one and reports the worst: "at [3, 7]: got 0.1312, want 0.1298 (largest difference 1.4e-3 of 1280 values)". */
export function expectClose(
  got: Numbers,
  want: Numbers,
  { atol = 0, rtol = 0 }: Tolerance,
  shape: readonly number[] = [want.length],
): void {
  if (got.length !== want.length) throw new Error(`Got ${got.length} numbers, want ${want.length}.`)
  const differences = Array.from(want, (wanted, index) => Math.abs((got[index] ?? Number.NaN) - wanted))
  const excess = (index: number): number => (differences[index] ?? 0) - atol - rtol * Math.abs(want[index] ?? 0)
  // Values that cannot be compared, such as NaN, are wrong.
  const wrong = differences.map((_, index) => index).filter((index) => !(excess(index) <= 0))
  const [first] = wrong
  if (first === undefined) return
  const worst = wrong.reduce((a, b) => (excess(b) > excess(a) || Number.isNaN(excess(b)) ? b : a), first)
  throw new Error(
    `At [${position(worst, shape).join(', ')}]: got ${got[worst]}, want ${want[worst]} (largest difference ${Math.max(...differences)}, ` +
      `${wrong.length} of ${want.length} values differ by more than ${atol} + ${rtol} * |wanted|).`,
  )
}

/** The euclidean length of some numbers, summed in doubles. */
export function norm(values: Numbers): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0))
}

function position(index: number, shape: readonly number[]): number[] {
  const reversed = shape
    .toReversed()
    .reduce<{ rest: number; indices: number[] }>(
      ({ rest, indices }, size) => ({ rest: Math.floor(rest / size), indices: [...indices, rest % size] }),
      { rest: index, indices: [] },
    )
  return reversed.indices.toReversed()
}
