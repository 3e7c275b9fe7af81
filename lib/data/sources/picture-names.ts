/** Pictures by their names. What they hold is checked when they are read. */
const PICTURE_NAME = /\.(png|jpe?g|webp|gif|tiff?|avif)$/i

export function isPictureName(name: string): boolean {
  return PICTURE_NAME.test(name)
}
