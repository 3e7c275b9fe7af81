/** What is in an SVG of this package. Rendering it checks that it is well-formed XML, too. */
import sharp from 'sharp'

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

function decodeEntities(text: string): string {
  return text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name] as string)
}

/** All texts, in the order of the document. */
export function textsOf(svg: string): string[] {
  return Array.from(svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g), (match) => decodeEntities(match[1] as string))
}

/** What those hear who do not see it. */
export function altTextOf(svg: string): { title: string; description: string } {
  const part = (name: string) => decodeEntities(new RegExp(`<${name}>([^<]*)</${name}>`).exec(svg)?.[1] ?? '')
  return { title: part('title'), description: part('desc') }
}

/** Pixels of four channels, row by row. */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly data: Buffer
}

/** The images in it, decoded. */
export async function imagesOf(svg: string): Promise<Pixels[]> {
  const urls = Array.from(svg.matchAll(/href="data:image\/png;base64,([A-Za-z0-9+/=]+)"/g), (match) => match[1] as string)
  return await Promise.all(urls.map(async (url) => await decode(Buffer.from(url, 'base64'))))
}

/** Draws it in its own size. Fails where it is no well-formed document. */
export async function render(svg: string): Promise<Pixels> {
  return await decode(Buffer.from(svg))
}

async function decode(bytes: Buffer): Promise<Pixels> {
  const { data, info } = await sharp(bytes).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, data }
}

/** The colour of a pixel: red, green, blue, opacity. */
export function pixelAt({ data, width }: Pixels, x: number, y: number): number[] {
  return [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)]
}

/** The points of a path of straight lines. */
export function pointsOf(path: string): [number, number][] {
  return Array.from(path.matchAll(/[ML](-?[\d.]+),(-?[\d.]+)/g), (match) => [Number(match[1]), Number(match[2])])
}
