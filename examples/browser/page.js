/** The page: whenever the drawing changes, shows what the network makes of it. */
import { SIZE, toMnistImage } from './mnist-image.js'
import { createPad } from './pad.js'
import { loadRecognizer, softmax } from './recognizer.js'

const element = (id) => document.getElementById(id)

async function start() {
  const recognizer = await loadRecognizer('model.onnx')
  const rows = Array.from({ length: recognizer.numClasses }, (_, label) => addRow(label))
  const pad = createPad(element('pad'), whenIdle(update, element('results')))
  element('clear').addEventListener('click', pad.clear)
  element('message').textContent = 'The network reads along while you draw.'

  async function update() {
    const image = toMnistImage(pad.ink(), pad.width)
    showImage(image ?? new Uint8Array(SIZE * SIZE))
    showProbabilities(rows, image === undefined ? undefined : softmax(await recognizer.recognize(image)))
  }
}

/** Calls `work` once for all that changes while it runs or before the next frame. Until it is done, `place` is marked as busy. */
function whenIdle(work, place) {
  let isPlanned = false
  let isRunning = false
  return function plan() {
    if (isPlanned) return
    isPlanned = true
    place.ariaBusy = 'true'
    if (!isRunning) requestAnimationFrame(run)
  }

  async function run() {
    isPlanned = false
    isRunning = true
    try {
      await work()
    } catch (error) {
      showError(error)
    }
    isRunning = false
    if (isPlanned) requestAnimationFrame(run)
    else place.ariaBusy = 'false'
  }
}

function addRow(label) {
  const row = element('probabilities').insertRow()
  const head = document.createElement('th')
  head.scope = 'row'
  head.textContent = label
  const meter = document.createElement('meter')
  meter.ariaLabel = `Probability of ${label}`
  row.append(head)
  row.insertCell().append(meter)
  return { meter, percent: row.insertCell() }
}

function showImage(image) {
  const pixels = Uint8ClampedArray.from({ length: 4 * image.length }, (_, index) => (index % 4 === 3 ? 255 : image[index >> 2]))
  element('seen').getContext('2d').putImageData(new ImageData(pixels, SIZE), 0, 0)
}

/** @param {number[] | undefined} probabilities - Undefined when nothing is drawn. */
function showProbabilities(rows, probabilities) {
  for (const [label, { meter, percent }] of rows.entries()) {
    const probability = probabilities?.[label] ?? 0
    meter.value = probability
    percent.textContent = probabilities === undefined ? '' : `${(100 * probability).toFixed(1)} %`
  }
  element('answer').value = probabilities === undefined ? '–' : probabilities.indexOf(Math.max(...probabilities))
}

function showError(error) {
  element('message').textContent = `Error: ${error.message}`
  element('message').className = 'error'
}

start().catch(showError)
