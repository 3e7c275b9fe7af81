/** Puts a picture together: an SVG with a title, a description for those who do not see it, and panels that Observable Plot draws. */
import { escapeUnprintable } from '../text/unprintable'
import { loadPlot } from './load-plot'
import { styleOf, type Theme } from './theme'

/** How a picture is drawn. */
export interface PictureOptions {
  /** The colours. Default `'auto'`: light, and dark where the viewer prefers that; on paper always light. */
  theme?: Theme | undefined
  /** The line above the picture. Default: what it shows. */
  title?: string | undefined
}

/** All of a picture. */
export interface Picture {
  readonly width: number
  /** Without its head. */
  readonly height: number
  readonly title: string
  /** Lines below the title: how to read it. */
  readonly hints: readonly string[]
  /** What it shows, in numbers, for those who do not see it. */
  readonly description: string
  /** SVG elements, from the top left corner below the head. */
  readonly body: string
}

export const PICTURE_WIDTH = 720
/** Around the content. */
export const MARGIN = 20

const TITLE_BASELINE = 30
const HINT_BASELINE = 50
const HINT_HEIGHT = 16

/** The SVG document of a picture. */
export function drawPicture({ width, height, title, hints, description, body }: Picture, theme: Theme): string {
  const top = HINT_BASELINE + HINT_HEIGHT * (hints.length - 1) + 14
  const total = Math.ceil(top + height)
  const lines = hints.map((hint, index) =>
    drawText(hint, { x: MARGIN, y: HINT_BASELINE + HINT_HEIGHT * index, className: 'muted', size: 12 }),
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="picture" role="img" width="${width}" height="${total}" viewBox="0 0 ${width} ${total}"`,
    ' font-family="system-ui, -apple-system, \'Segoe UI\', Roboto, \'Noto Sans\', sans-serif" font-size="11">',
    `<title>${escapeXml(title)}</title><desc>${escapeXml(description)}</desc><style>${styleOf(theme)}</style>`,
    `<rect class="paper" width="${width}" height="${total}"/>`,
    drawText(title, { x: MARGIN, y: TITLE_BASELINE, size: 15, weight: 600 }),
    ...lines,
    `<g transform="translate(0 ${top})">${body}</g></svg>\n`,
  ].join('')
}

/** Where a text stands, and how. */
interface TextPlace {
  readonly x: number
  readonly y: number
  readonly size?: number
  readonly weight?: number
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly className?: string
}

export function drawText(text: string, { x, y, size, weight, anchor, className }: TextPlace): string {
  const attributes = Object.entries({ 'font-size': size, 'font-weight': weight, 'text-anchor': anchor, class: className })
  const shown = attributes.filter(([, value]) => value !== undefined).map(([name, value]) => ` ${name}="${value}"`)
  return `<text x="${round(x)}" y="${round(y)}"${shown.join('')}>${escapeXml(text)}</text>`
}

/** An element that holds a chart of Observable Plot, whose axes may reach over its edges. */
export function drawPanel(place: { readonly x: number; readonly y: number }, options: Readonly<Record<string, unknown>>): string {
  const { plot, parseHTML } = loadPlot()
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const svg = plot({ document, ...options })
  for (const own of svg.querySelectorAll('style')) own.remove() // Meant for a page.
  for (const [name, value] of Object.entries({
    x: round(place.x),
    y: round(place.y),
    overflow: 'visible',
    'font-family': 'inherit',
    'font-size': 11,
  })) {
    svg.setAttribute(name, String(value))
  }
  return svg.outerHTML
}

/** A text in SVG or HTML, also between double quotes. XML has no control characters at all, and half a character is none. */
export function escapeXml(text: string): string {
  const printable = escapeUnprintable(text).replaceAll(/[\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd')
  return printable
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

/** A name from elsewhere, short enough to stand beside others. */
export function shorten(text: string, characters: number): string {
  const all = Array.from(escapeUnprintable(text))
  return all.length > characters ? `${all.slice(0, characters - 1).join('')}…` : all.join('')
}

/** A coordinate, to a hundredth of a pixel. */
export function round(value: number): number {
  return Math.round(value * 100) / 100
}
