/** Loads what draws pictures when the first one is drawn: one file, which scripts/charts bundles from npm packages. */
import { join } from 'node:path'
import type * as observablePlot from '@observablehq/plot'
import { TorchRnnError } from '../errors'
import { checkNotBundled } from '../host/bundle'
import { PACKAGE_ROOT } from '../version'

type Marks = 'axisX' | 'axisY' | 'areaY' | 'dot' | 'gridX' | 'gridY' | 'image' | 'line' | 'lineY' | 'rect' | 'ruleX' | 'ruleY' | 'text'

/** What the bundle has: marks of Observable Plot, and a document for it. */
export interface PlotBundle extends Pick<typeof observablePlot, Marks> {
  plot(options: object): SvgElement
  parseHTML(html: string): { document: object }
}

/** What of an element is used here. */
export interface SvgElement {
  readonly outerHTML: string
  querySelectorAll(selector: string): Iterable<{ remove(): void }>
  setAttribute(name: string, value: string): void
}

let loaded: PlotBundle | undefined

/** @throws TorchRnnError `ERR_LIBRARY_LOAD` */
export function loadPlot(): PlotBundle {
  if (loaded !== undefined) return loaded
  checkNotBundled()
  const file = join(PACKAGE_ROOT, 'dist', 'charts', 'plot-bundle.js')
  try {
    loaded = require(file) as PlotBundle
  } catch (cause) {
    const message = `Cannot draw pictures: ${file} does not load. Install the package again; in a clone, run npm run build.`
    throw new TorchRnnError('ERR_LIBRARY_LOAD', message, { cause })
  }
  return loaded
}
