/** Numbers and names as people read them. */

/** A share in percent: "97.5 %"; never "100 %" for what is less, nor "0 %" for what is more. */
export function percent(share: number, digits = 1): string {
  if (share > 0 && share < 0.5 * 10 ** (-digits - 2)) return `under ${10 ** -digits} %`
  const rounded = (share * 100).toFixed(digits)
  const capped = share < 1 && Number(rounded) === 100 ? (100 - 10 ** -digits).toFixed(digits) : rounded
  return `${capped} %`
}

/** Whether a class has a name that fits where a digit does. */
export function isShortName(name: string): boolean {
  return Array.from(name).length <= 2
}

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`
}

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
}
