/** A canvas that is drawn on with a mouse, a finger or a pen: white ink on black, as in MNIST. */

/** In a drawing that fills the canvas, some two of MNIST's pixels. */
const PEN_WIDTH = 22

/**
 * @param {HTMLCanvasElement} canvas
 * @param {() => void} onChange - Called after each change.
 */
export function createPad(canvas, onChange) {
  const context = canvas.getContext('2d', { willReadFrequently: true })
  const { width, height } = canvas
  Object.assign(context, { lineWidth: PEN_WIDTH, lineCap: 'round', lineJoin: 'round', strokeStyle: 'white', fillStyle: 'white' })
  fillBlack()

  canvas.addEventListener('pointerdown', (event) => {
    if (!event.isPrimary || event.button !== 0) return
    canvas.setPointerCapture(event.pointerId) // A line goes on where the pointer leaves the canvas and comes back.
    const place = placeOf(event)
    context.beginPath()
    context.arc(...place, PEN_WIDTH / 2, 0, 2 * Math.PI) // A canvas draws nothing for a line of no length.
    context.fill()
    context.beginPath()
    context.moveTo(...place)
    onChange()
  })
  canvas.addEventListener('pointermove', (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) drawTo(event)
  })

  function fillBlack() {
    context.save()
    context.fillStyle = 'black'
    context.fillRect(0, 0, width, height)
    context.restore()
  }

  function drawTo(event) {
    // Between two events the pointer may have made a curve.
    const [...places] = event.getCoalescedEvents?.() ?? []
    for (const place of places.length === 0 ? [event] : places) context.lineTo(...placeOf(place))
    context.stroke()
    onChange()
  }

  /** Where the pointer is, in pixels of the canvas, whatever size the page shows it in. */
  function placeOf({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect()
    const [left, top] = [box.left + canvas.clientLeft, box.top + canvas.clientTop]
    return [((clientX - left) * width) / canvas.clientWidth, ((clientY - top) * height) / canvas.clientHeight]
  }

  return {
    width,

    /** @returns {Uint8Array} 0 is background, 255 is ink. The canvas is grey, so red stands for all colours. */
    ink() {
      const { data } = context.getImageData(0, 0, width, height)
      return Uint8Array.from({ length: width * height }, (_, pixel) => data[4 * pixel])
    },

    clear() {
      fillBlack()
      onChange()
    },
  }
}
