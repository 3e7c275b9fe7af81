/** The colours of canvases, which style sheets do not reach. Those of style sheets are in common.css. */
import { signal } from '@preact/signals'

type Colour = readonly [red: number, green: number, blue: number]

interface Theme {
  readonly ink: Colour
  /** Behind a drawing. */
  readonly field: Colour
  /** Of a state at its lowest, at 0, and at its highest: blue and orange, which everybody can tell apart. */
  readonly low: Colour
  readonly zero: Colour
  readonly high: Colour
}

const LIGHT: Theme = { ink: [22, 22, 26], field: [240, 237, 230], low: [30, 84, 153], zero: [240, 237, 230], high: [199, 66, 16] }
const DARK: Theme = { ink: [242, 239, 232], field: [28, 30, 34], low: [99, 160, 255], zero: [28, 30, 34], high: [255, 137, 84] }

const query = matchMedia('(prefers-color-scheme: dark)')
export const theme = signal(query.matches ? DARK : LIGHT)
query.addEventListener('change', () => {
  theme.value = query.matches ? DARK : LIGHT
})

/** @param share - From 0 for `one` to 1 for `other`. */
export function mix(one: Colour, other: Colour, share: number): Colour {
  const part = (index: 0 | 1 | 2) => Math.round(one[index] + (other[index] - one[index]) * share)
  return [part(0), part(1), part(2)]
}

/** The colour of a state from -1 to 1. */
export function stateColour({ low, zero, high }: Theme, state: number): Colour {
  return mix(zero, state < 0 ? low : high, Math.min(1, Math.abs(state)))
}

export function css([red, green, blue]: Colour): string {
  return `rgb(${red} ${green} ${blue})`
}
