/** The colours of pictures. Text has at least 4.5 times the luminance of its background or the other way round, lines at least 3 times. */

/** What a picture is made for. `'auto'` is light, and dark where the viewer prefers that and does not print. */
export type Theme = 'auto' | 'light' | 'dark'

export const THEMES = ['auto', 'light', 'dark'] as const

interface Colours {
  readonly ink: string
  readonly muted: string
  readonly paper: string
  /** Of one line after the other. People who do not see red or green tell them apart by their lightness. */
  readonly series: readonly string[]
  /** Images of ink are black. */
  readonly inkFilter: string
}

const LIGHT: Colours = {
  ink: '#1f2328',
  muted: '#59636e',
  paper: '#ffffff',
  series: ['#0072b2', '#c2510a', '#00805c', '#a8428f', '#806400', '#4b5563'],
  inkFilter: 'none',
}

const DARK: Colours = {
  ink: '#e6edf3',
  muted: '#9aa5b1',
  paper: '#0d1117',
  series: ['#56b4e9', '#f5914f', '#2fc79a', '#e39ac8', '#e0c14a', '#b6c0ca'],
  inkFilter: 'invert(1)',
}

/** How many lines have a colour of their own. */
export const SERIES = LIGHT.series.length

/** The ends of the colours of heat maps, which are as opaque as a value is large. Both are seen on white and on black, the second is lighter. */
export const COLD = [0x2f, 0x74, 0xf0] as const
export const WARM = [0xf9, 0x73, 0x16] as const
/** Of values that are not finite. */
export const UNKNOWN = [0x80, 0x80, 0x80] as const

function hex(colour: readonly number[]): string {
  return `#${colour.map((part) => part.toString(16).padStart(2, '0')).join('')}`
}

const FIXED = `.picture .cold{fill:${hex(COLD)}}.picture .warm{fill:${hex(WARM)}}`

function rulesOf({ ink, muted, paper, series, inkFilter }: Colours): string {
  const lines = series.map(
    (colour, index) => `.picture .s${index}{stroke:${colour}}.picture .f${index},.picture .f${index} text{fill:${colour}}`,
  )
  const parts = [
    `.picture{color:${ink}}`,
    `.picture .paper{fill:${paper}}`,
    '.picture text{fill:currentColor;stroke:none}',
    `.picture .muted,.picture .muted text{fill:${muted}}`,
    '.picture .grid{stroke:currentColor;stroke-opacity:.12}',
    `.picture .edge{fill:none;stroke:${muted};stroke-opacity:.6}`,
    `.picture .ink{filter:${inkFilter}}`,
  ]
  return [...parts, ...lines].join('')
}

/** The style of pictures. Every rule is for an element of the class `picture`, or inside one. */
export function styleOf(theme: Theme): string {
  const base = FIXED + rulesOf(theme === 'dark' ? DARK : LIGHT)
  return theme === 'auto' ? `${base}@media screen and (prefers-color-scheme:dark){${rulesOf(DARK)}}` : base
}
