/** A small picture, a pixel for each number, which the page shows larger. */
import { useEffect, useRef } from 'preact/hooks'
import { theme } from './theme'

type Colour = readonly [red: number, green: number, blue: number]

interface PixelsProps {
  readonly width: number
  readonly height: number
  /** Undefined for an empty picture. */
  readonly values: ArrayLike<number> | undefined
  readonly colourOf: (value: number) => Colour
  /** What is in it, for those who do not see it. */
  readonly label: string
  readonly class?: string
}

export function Pixels({ width, height, values, colourOf, label, class: name }: PixelsProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const { value: colours } = theme
  // colourOf follows from the theme.
  useEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (!context) return
    context.clearRect(0, 0, width, height)
    if (values === undefined) return
    const image = context.createImageData(width, height)
    for (let index = 0; index < width * height; index += 1) {
      const [red, green, blue] = colourOf(values[index] ?? 0)
      image.data.set([red, green, blue, 255], 4 * index)
    }
    context.putImageData(image, 0, 0)
  }, [width, height, values, colours])
  return <canvas ref={canvas} class={name} width={width} height={height} role="img" aria-label={label} />
}
