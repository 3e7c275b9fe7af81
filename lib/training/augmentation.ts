/** The random changes of training images, as options and as the addon takes them. */
import type { NativeAugmentation } from '../addon/binding'
import type { OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'

/** The options of an augmentation, as checked. */
export type ResolvedAugmentation = Resolved<typeof OPTIONS.augmentation>

/** Changes that leave handwritten digits readable. */
export const USUAL_AUGMENTATION: Readonly<ResolvedAugmentation> = {
  augmentShift: 2,
  augmentRotation: 10,
  augmentScale: 0.1,
  augmentShear: 5,
}

/** What the addon takes; null where nothing is changed. */
export function toAugmentation(options: Readonly<ResolvedAugmentation>): NativeAugmentation | null {
  const { augmentShift: shift, augmentRotation: rotation, augmentScale: scale, augmentShear: shear } = options
  const augmentation = { shift, rotation, scale, shear }
  return Object.values(augmentation).some((largest) => largest > 0) ? augmentation : null
}
