/** What fixtures/python-models/make_models.py shows to its models. */
import type { ImageBatch } from '../../lib/data/image-batch'

export const PYTHON_IMAGES: ImageBatch = {
  data: Uint8Array.from({ length: 6 * 28 * 28 }, (_, index) => index * 37),
  shape: [6, 28, 28],
}
