/** Numbers as people read them. */

/** A share from 0 to 1 in percent, without the sign: "97.53". */
export function toPercent(share: number): string {
  return (share * 100).toFixed(2)
}

/** Seconds as a duration: "8s", "3m 05s", "2h 07m". */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole}s`
  const [unit, large, small] = whole < 3600 ? (['s', 'm', 1] as const) : (['m', 'h', 60] as const)
  const parts = Math.floor(whole / small)
  return `${Math.floor(parts / 60)}${large} ${String(parts % 60).padStart(2, '0')}${unit}`
}
