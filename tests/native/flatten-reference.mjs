// Writes the numbers of a JSON file as lines of text, because the C++ tests have no JSON reader.
// Usage: node flatten-reference.mjs IN.json OUT.txt
// A line is name TAB dimensions TAB values; the keys on the way to a number or to a (nested) array of numbers, joined by '/', name it.
import { readFileSync, writeFileSync } from 'node:fs'

const [input, output] = process.argv.slice(2)

function shapeOf(value) {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : []
}

function* lines(value, path) {
  const values = [value].flat(Number.POSITIVE_INFINITY)
  if (values.every((element) => typeof element === 'number')) {
    yield `${path.join('/')}\t${shapeOf(value).join(' ')}\t${values.join(' ')}\n`
  } else if (typeof value === 'object' && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) yield* lines(inner, [...path, key])
  }
}

writeFileSync(output, [...lines(JSON.parse(readFileSync(input, 'utf8')), [])].join(''))
