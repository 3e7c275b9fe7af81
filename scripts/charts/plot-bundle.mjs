/**
 * What draws the pictures of lib/charts, for its bundle: Observable Plot and linkedom are ES modules, which CommonJS cannot require, and only
 * a part of each package is needed.
 */
export { areaY, axisX, axisY, dot, gridX, gridY, image, line, lineY, plot, rect, ruleX, ruleY, text } from '@observablehq/plot'
export { parseHTML } from 'linkedom'
