/** The random changes of training images, as options and as the addon takes them. */
import type { NativeAugmentation } from '../addon/binding'
import { pickOptions, resolveOptions } from '../options/checks'
import { OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'
import { RECIPES } from './recipes'

/** The options of an augmentation, as checked. */
export type ResolvedAugmentation = Resolved<typeof OPTIONS.augmentation>

/** Those of the recipe `accurate`: they leave handwritten digits readable. */
export const USUAL_AUGMENTATION: Readonly<ResolvedAugmentation> = resolveOptions(
  OPTIONS.augmentation,
  pickOptions(OPTIONS.augmentation, RECIPES.accurate.training as Partial<ResolvedAugmentation> as ResolvedAugmentation),
  'the recipe accurate',
)

/** What the addon takes; null where nothing is changed. */
export function toAugmentation(options: Readonly<ResolvedAugmentation>): NativeAugmentation | null {
  const { augmentShift: shift, augmentRotation: rotation, augmentScale: scale, augmentShear: shear, augmentFlip: flip } = options
  const augmentation = { shift, rotation, scale, shear, flip }
  return Object.values(augmentation).some((largest) => largest > 0) ? augmentation : null
}
