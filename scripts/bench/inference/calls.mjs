/** The milliseconds of each of some calls, one after the other: what a program waits for one image. */
export async function timesOfCalls(calls, call) {
  const times = []
  for (let index = 0; index < calls; index += 1) {
    const started = performance.now()
    await call()
    times.push(performance.now() - started)
  }
  return times
}
