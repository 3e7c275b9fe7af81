/** A line over the epochs. Its picture stretches with the page; its letters do not. */

type Point = readonly [epoch: number, value: number]

interface CurveProps {
  readonly title: string
  /** The last epoch and the highest value: both axes begin at 0. */
  readonly end: number
  readonly top: number
  readonly ticks: readonly number[]
  readonly format: (value: number) => string
  /** Means over a few batches. */
  readonly points: readonly Point[]
}

/** Of the picture, in units of its own. */
const WIDTH = 1000
const HEIGHT = 400
/** Labels of epochs at most. */
const MAX_LABELS = 11

export function Curve({ title, end, top, ticks, format, points }: CurveProps) {
  const x = (epoch: number) => (epoch / end) * WIDTH
  const y = (value: number) => HEIGHT - (Math.min(top, value) / top) * HEIGHT
  const path = points.map(([epoch, value], index) => `${index === 0 ? 'M' : 'L'}${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`).join('')
  const now = points.at(-1)
  const step = Math.ceil(end / (MAX_LABELS - 1))
  const epochs = Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step)
  return (
    <figure class="curve">
      <figcaption>{title}</figcaption>
      <div class="plot">
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={describe(title, points, format)}
          data-points={points.length}
        >
          {ticks.map((tick) => (
            <line key={tick} class="grid" x1={0} x2={WIDTH} y1={y(tick)} y2={y(tick)} />
          ))}
          <path class="line" d={path} />
        </svg>
        {now !== undefined && (
          <span class="dot" style={{ left: `${(now[0] / end) * 100}%`, bottom: `${(Math.min(top, now[1]) / top) * 100}%` }} />
        )}
        {ticks.map((tick) => (
          <span key={tick} class="tick" style={{ bottom: `${(tick / top) * 100}%` }} aria-hidden="true">
            {format(tick)}
          </span>
        ))}
        {epochs.map((epoch) => (
          <span key={epoch} class="epoch" style={{ left: `${(epoch / end) * 100}%` }} aria-hidden="true">
            {epoch}
          </span>
        ))}
      </div>
      <p class="axis" aria-hidden="true">
        Epochs
      </p>
    </figure>
  )
}

function describe(title: string, points: readonly Point[], format: (value: number) => string): string {
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined) return `${title}: nothing yet`
  return `${title}: from ${format(round(first[1]))} to ${format(round(last[1]))} after ${round(last[0])} epochs`
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
