/** A drawing: lines through points, in shares of the pad's side. */

export type Point = readonly [x: number, y: number]

/** Of the pad's side. In a drawing that fills the pad, some two of MNIST's pixels. */
const PEN_WIDTH = 0.075

/** Draws the strokes, or what was added to them, on a canvas of `side` pixels. */
export function drawStrokes(context: CanvasRenderingContext2D, side: number, strokes: readonly (readonly Point[])[], colour: string): void {
  Object.assign(context, { lineWidth: PEN_WIDTH * side, lineCap: 'round', lineJoin: 'round', strokeStyle: colour, fillStyle: colour })
  for (const stroke of strokes) {
    const [first, ...rest] = stroke
    if (first === undefined) continue
    context.beginPath()
    if (rest.length === 0) {
      // A canvas draws nothing for a line of no length.
      context.arc(first[0] * side, first[1] * side, (PEN_WIDTH / 2) * side, 0, 2 * Math.PI)
      context.fill()
      continue
    }
    context.moveTo(first[0] * side, first[1] * side)
    for (const [x, y] of rest) context.lineTo(x * side, y * side)
    context.stroke()
  }
}

/** The ink of a canvas on which strokes were drawn: 0 = none ... 255. */
export function inkOf(context: CanvasRenderingContext2D, side: number): Uint8Array<ArrayBuffer> {
  const { data } = context.getImageData(0, 0, side, side)
  const ink = new Uint8Array(side * side)
  for (let index = 0; index < ink.length; index += 1) ink[index] = data[4 * index + 3] as number
  return ink
}
