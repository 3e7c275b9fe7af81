/** The options about data sets, as rows of the table in options.ts. */
import type { DataFileOptions, ReadingOptions } from './option-types'
import type { TableFor } from './specs'

/** The images to use. */
export const data = {
  data: {
    kind: 'path',
    of: 'path',
    optional: true,
    summary: 'the images: a folder (IDX files as of MNIST and its family, or pictures by class), a CSV or an .npz file',
    whenAbsent: 'the bundled MNIST',
  },
  trainImages: { kind: 'path', of: 'file', optional: true, summary: 'instead of --data: images to train with (IDX, .npy, .npz or CSV)' },
  trainLabels: { kind: 'path', of: 'file', optional: true, summary: 'their labels, unless they are in the same file' },
  testImages: { kind: 'path', of: 'file', optional: true, summary: 'images to evaluate with', whenAbsent: 'a part of the others' },
  testLabels: { kind: 'path', of: 'file', optional: true, summary: 'their labels' },
} as const satisfies TableFor<DataFileOptions & { data?: string }>

/** How the images are read. */
export const reading = {
  format: {
    kind: 'choice',
    choices: ['auto', 'idx', 'npz', 'csv', 'pictures'],
    default: 'auto',
    summary: 'what the data are; auto: by their content',
  },
  subset: {
    kind: 'text',
    pattern: /^.{1,200}$/su,
    expected: 'a part of the name of a file or folder',
    placeholder: 'name',
    optional: true,
    summary: 'of several data sets in a folder, the one with this word in its name, such as letters of EMNIST',
  },
  orientation: {
    kind: 'choice',
    choices: ['auto', 'upright', 'transposed'],
    default: 'auto',
    summary: 'whether rows and columns of each image are swapped in the files, as in EMNIST',
  },
  firstLabel: {
    kind: 'integer',
    min: 0,
    max: 255,
    optional: true,
    summary: 'label of the first class',
    whenAbsent: '1 where the labels begin with it and leave none out, else 0',
  },
  labelNames: {
    kind: 'text',
    pattern: /^.{1,30000}$/su,
    expected: 'names with commas between them, or the path of a file with a name a line',
    placeholder: 'names',
    optional: true,
    summary: 'names of the classes with commas between them, or a file with one a line',
    whenAbsent: 'those of the data, where they are known',
  },
  labelColumn: {
    kind: 'text',
    pattern: /^.{1,200}$/su,
    expected: 'the name of a column, or its number from 1',
    placeholder: 'name',
    optional: true,
    summary: 'column of a CSV with the labels, by its name or number',
    whenAbsent: 'the one named label, class, target, digit or y, else the first',
  },
  imageSize: {
    kind: 'text',
    pattern: /^[1-9]\d{0,3}(x[1-9]\d{0,3})?$/,
    expected: 'a number of pixels (28), or rows and columns (32x24)',
    placeholder: 'size',
    completions: ['28'],
    optional: true,
    summary: 'rows and columns of an image: 28 or 32x24',
    whenAbsent: '28 for pictures, else as in the files',
  },
  fit: {
    kind: 'choice',
    choices: ['contain', 'cover', 'stretch'],
    default: 'contain',
    summary: 'how a picture of another shape is resized: with a border, cropped, or stretched',
  },
  ink: {
    kind: 'choice',
    choices: ['auto', 'dark', 'light'],
    default: 'auto',
    summary: 'what is drawn in pictures: dark on light, which is inverted, or light on dark',
  },
  testSplit: {
    kind: 'part',
    default: 0.1,
    summary: 'samples to set aside as the test set where the data have none',
  },
  splitSeed: {
    kind: 'integer',
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    default: 1,
    summary: 'which samples these are follows from it',
  },
  skipBroken: { kind: 'boolean', default: false, summary: 'leave out pictures that cannot be read' },
} as const satisfies TableFor<ReadingOptions>
