/** What is drawn on: with a mouse, a finger, a pen, or the keyboard. */
import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { css, theme } from '../theme'
import { read, readAgainWith, SENT_SIDE } from './reading'
import { drawStrokes, inkOf, type Point } from './strokes'

/** Pixels of a side as it is shown: sharp on screens with two pixels for one, too. */
const SHOWN_SIDE = 840
/** How far a key moves the pen, in shares of the side. */
const KEY_STEP = 0.025

/** The drawing. It stays when the screen changes. */
const strokes = signal<readonly (readonly Point[])[]>([])
/** The pen of the keyboard. */
const pen = signal<{ readonly place: Point; readonly isDown: boolean }>({ place: [0.28, 0.2], isDown: false })

/** The drawing as it is sent, of which nobody sees the colour. */
const sent = createContext(SENT_SIDE, { willReadFrequently: true })

function createContext(side: number, settings: CanvasRenderingContext2DSettings): CanvasRenderingContext2D {
  const canvas = document.createElement('canvas')
  canvas.width = side
  canvas.height = side
  return canvas.getContext('2d', settings) as CanvasRenderingContext2D
}

function drawing(): (() => Uint8Array<ArrayBuffer>) | undefined {
  return strokes.value.length === 0 ? undefined : () => inkOf(sent, SENT_SIDE)
}

readAgainWith(drawing)

function begin(place: Point): void {
  strokes.value = [...strokes.value, [place]]
  extend([[place]])
}

function goOn(places: readonly Point[]): void {
  const last = strokes.value.at(-1)
  const from = last?.at(-1)
  if (last === undefined || from === undefined || places.length === 0) return
  strokes.value = [...strokes.value.slice(0, -1), [...last, ...places]]
  extend([[from, ...places]])
}

function extend(added: readonly (readonly Point[])[]): void {
  drawStrokes(sent, SENT_SIDE, added, 'black')
  read(drawing())
}

export function clear(): void {
  strokes.value = []
  sent.clearRect(0, 0, SENT_SIDE, SENT_SIDE)
  pen.value = { ...pen.value, isDown: false }
  read(undefined)
}

export function Pad() {
  const canvas = useRef<HTMLCanvasElement>(null)
  const { value: drawn } = strokes
  const { value: colours } = theme
  useEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (!context) return
    context.clearRect(0, 0, SHOWN_SIDE, SHOWN_SIDE)
    drawStrokes(context, SHOWN_SIDE, drawn, css(colours.ink))
  }, [drawn, colours])
  const { place, isDown } = pen.value
  return (
    <div
      class="pad"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard draws here.
      tabIndex={0}
      aria-label="Drawing pad"
      aria-describedby="pad-keys"
      onPointerDown={startStroke}
      onPointerMove={followPointer}
      onKeyDown={pressKey}
      onKeyUp={releaseKey}
      onBlur={liftPen}
    >
      <canvas ref={canvas} width={SHOWN_SIDE} height={SHOWN_SIDE} />
      {drawn.length === 0 && (
        <p class="invitation" aria-hidden="true">
          Draw a digit here
        </p>
      )}
      <span class={isDown ? 'pen down' : 'pen'} style={{ left: `${place[0] * 100}%`, top: `${place[1] * 100}%` }} />
    </div>
  )
}

function startStroke(event: PointerEvent): void {
  if (!event.isPrimary || event.button !== 0) return
  const pad = event.currentTarget as HTMLElement
  pad.setPointerCapture(event.pointerId) // A line goes on where the pointer leaves the pad and comes back.
  begin(placeOf(pad, event))
}

function followPointer(event: PointerEvent): void {
  const pad = event.currentTarget as HTMLElement
  if (!pad.hasPointerCapture(event.pointerId)) return
  // Between two events the pointer may have made a curve.
  const passed = event.getCoalescedEvents?.() ?? []
  goOn((passed.length === 0 ? [event] : passed).map((each) => placeOf(pad, each)))
}

function placeOf(pad: HTMLElement, { clientX, clientY }: PointerEvent): Point {
  const { left, top, width, height } = pad.getBoundingClientRect()
  return [(clientX - left) / width, (clientY - top) / height]
}

const MOVES: Readonly<Record<string, Point>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

/** The arrows that are held, so that two of them together go aslant. */
const held = new Set<string>()
/** Whether the pen was moved while the space bar was held: then it is lifted with it. */
let hasMovedWithSpace = false

function pressKey(event: KeyboardEvent): void {
  const { key } = event
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (key in MOVES) {
    held.add(key)
    movePen()
  } else if (key === ' ') {
    if (!event.repeat) toggleSpace()
  } else if (key === 'Delete' || key === 'Backspace') {
    clear()
  } else {
    return
  }
  event.preventDefault()
}

function movePen(): void {
  const moves = Array.from(held, (key) => MOVES[key] as Point)
  const along = (axis: 0 | 1) => {
    const step = moves.reduce((sum, move) => sum + move[axis], 0) * KEY_STEP
    return Math.min(0.96, Math.max(0.04, pen.value.place[axis] + step))
  }
  const place: Point = [along(0), along(1)]
  pen.value = { ...pen.value, place }
  if (!pen.value.isDown) return
  hasMovedWithSpace = true
  goOn([place])
}

function toggleSpace(): void {
  const { place, isDown } = pen.value
  hasMovedWithSpace = false
  pen.value = { place, isDown: !isDown }
  if (!isDown) begin(place)
}

/** A short press of the space bar puts the pen down or lifts it; a long one draws as long as it is held. */
function releaseKey({ key }: KeyboardEvent): void {
  held.delete(key)
  if (key === ' ' && hasMovedWithSpace) liftPen()
}

function liftPen(): void {
  held.clear()
  hasMovedWithSpace = false
  if (pen.value.isDown) pen.value = { ...pen.value, isDown: false }
}
