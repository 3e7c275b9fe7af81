/**
 * The functions of the API. Each loads its part of the package by its first call: most programs need few of them, and all together would take
 * half of the time of an `import`.
 */
import type { ClassPictureOptions } from './charts/class-probabilities'
import type { ConfusionMatrixOptions } from './charts/confusion-matrix'
import type { Mistake, MistakesOptions } from './charts/mistakes'
import type { PictureOptions } from './charts/picture'
import type { SamplePictureOptions } from './charts/sample-input'
import type { TrainingCurve } from './charts/training-curves'
import type { ImageDataset } from './data/dataset'
import type { LoadIdxOptions } from './data/load-idx'
import type { LoadedImages, LoadImagesOptions } from './data/load-images'
import type { LoadMnistOptions, Mnist } from './data/mnist'
import type { PictureLimits } from './images/decode-picture'
import type { GreyPicture } from './images/grey-picture'
import type { PreparedDigits } from './images/prepare-digits'
import type { ImageRNN } from './model/image-rnn'
import type { LearningRateTest, LearningRateTestOptions } from './search/learning-rate-test'
import type { SearchEvent, SearchResult } from './search/search-events'
import type { SearchOptions } from './search/search-options'
import type { Tensor } from './tensor'

const PARTS = {
  mnist: (): typeof import('./data/mnist') => require('./data/mnist'),
  idx: (): typeof import('./data/load-idx') => require('./data/load-idx'),
  images: (): typeof import('./data/load-images') => require('./data/load-images'),
  digits: (): typeof import('./images/prepare-digits') => require('./images/prepare-digits'),
  rates: (): typeof import('./search/learning-rate-test') => require('./search/learning-rate-test'),
  search: (): typeof import('./search/search') => require('./search/search'),
  trainingCurves: (): typeof import('./charts/training-curves') => require('./charts/training-curves'),
  confusionMatrix: (): typeof import('./charts/confusion-matrix') => require('./charts/confusion-matrix'),
  findMistakes: (): typeof import('./charts/find-mistakes') => require('./charts/find-mistakes'),
  mistakes: (): typeof import('./charts/mistakes') => require('./charts/mistakes'),
  hiddenStates: (): typeof import('./charts/hidden-states') => require('./charts/hidden-states'),
  classProbabilities: (): typeof import('./charts/class-probabilities') => require('./charts/class-probabilities'),
  gradientNorms: (): typeof import('./charts/gradient-norms') => require('./charts/gradient-norms'),
  recurrentWeights: (): typeof import('./charts/recurrent-weights') => require('./charts/recurrent-weights'),
}

/**
 * Loads MNIST: 60000 training and 10000 test images of 28 x 28 grey values, 10 classes.
 *
 * Without `dir`, the files that come with this package, verified by SHA-256. With `dir`, any data set in MNIST's format
 * (Fashion-MNIST, KMNIST, ...): the files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
 * `t10k-labels-idx1-ubyte`, each also with a dot before `idx` and with `.gz`. Of several variants of a file, the uncompressed one is
 * preferred to `.gz`, and the hyphen to the dot. The number of classes is the largest label of both parts + 1.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` for damaged or mismatched files, `ERR_FILE_SYSTEM` for missing or unreadable ones,
 *   `ERR_INVALID_OPTION` for a wrong option, `ERR_OUT_OF_MEMORY`.
 */
export async function loadMnist(options?: LoadMnistOptions): Promise<Mnist> {
  return await PARTS.mnist().loadMnist(options)
}

/**
 * Loads a data set from two files in IDX, the format of MNIST; images of any size. For the four files of a whole MNIST-like data set there
 * is {@link loadMnist}.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` for damaged or mismatched files, `ERR_FILE_SYSTEM` for missing or unreadable ones,
 *   `ERR_INVALID_OPTION`, `ERR_INVALID_DATA` for a label that is not below `numClasses`, `ERR_OUT_OF_MEMORY`.
 *
 * @example
 * const letters = await loadIdx({ images: 'letters-images-idx3-ubyte.gz', labels: 'letters-labels-idx1-ubyte.gz' })
 */
export async function loadIdx(options: LoadIdxOptions): Promise<ImageDataset> {
  return await PARTS.idx().loadIdx(options)
}

/**
 * Reads a data set: the bundled MNIST; the files of MNIST's family as they are downloaded (EMNIST, KMNIST, Fashion-MNIST, QMNIST; in
 * torchvision's or Kaggle's folders too), NumPy's `.npz`, a folder of pictures by class, or a CSV. What they are is recognised by their content
 * and told in `description`. Without a test part, one is set aside.
 *
 * Pictures are kept, decoded, in a hidden file beside them, which is checked before it is used again.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` for damaged files and for those that are not recognised, with what was found; `ERR_FILE_SYSTEM`,
 *   `ERR_INVALID_OPTION`, `ERR_INVALID_DATA` for floats that are not finite, `ERR_OUT_OF_MEMORY`, `ERR_LIBRARY_LOAD` where pictures cannot be
 *   decoded; and the signal's reason.
 *
 * @example
 * const { train, test, description } = await loadImages({ data: 'pictures', imageSize: '32' })
 */
export async function loadImages(options: LoadImagesOptions = {}): Promise<LoadedImages> {
  return await PARTS.images().loadImages(options)
}

/**
 * Reads a picture of handwritten digits, and brings each digit to the form of MNIST's images: as {@link prepareDigits}, for a file.
 *
 * @param source - A path, a `file:` URL, or the bytes of a file: PNG, JPEG, WebP, AVIF, TIFF, GIF or SVG.
 * @param limits - By default, at most 64 million pixels and 256 MiB.
 * @throws TorchRnnError `ERR_INVALID_FILE` for what is no such picture, broken, or too large; `ERR_FILE_SYSTEM`; `ERR_INVALID_ARGUMENT`;
 *   `ERR_LIBRARY_LOAD` when sharp does not load.
 *
 * @example
 * const digits = await readDigits('photo.jpg')
 * if (digits.boxes.length > 0) console.log((await model.predict(digits)).classes)
 */
export async function readDigits(source: string | URL | Uint8Array, limits: PictureLimits = {}): Promise<PreparedDigits> {
  return await PARTS.digits().readDigits(source, limits)
}

/**
 * Finds the digits in a picture, dark on light or light on dark, and brings each to the form of MNIST's images. The paper is estimated and
 * divided away, so that shadows do not matter; Otsu's threshold finds the ink; specks, and what touches the border, are left out; parts of a
 * broken stroke belong together. A digit is cut to its ink, its strokes are made as thick as those of MNIST where they are thinner or thicker,
 * its longest side becomes 20 pixels, and its centre of mass pixel 14, by whole pixels. A picture of 28 x 28 pixels that has this form already
 * stays as it is.
 *
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`; `ERR_LIBRARY_LOAD` when sharp does not load.
 */
export async function prepareDigits(picture: Readonly<GreyPicture>): Promise<PreparedDigits> {
  return await PARTS.digits().prepareDigits(picture)
}

/**
 * Finds a learning rate to train with: the learning-rate range test (L. N. Smith, "Cyclical Learning Rates for Training Neural Networks",
 * 2017, https://arxiv.org/abs/1506.01186), as fastai's `lr_find`. It trains for some steps, each with a larger rate, step i of n with
 * `startLearningRate * (endLearningRate / startLearningRate) ** ((i - 1) / (n - 1))`, and looks at the losses: while the rate is too small
 * they stay, then they fall, and where it is too large they grow. Smoothing, end and suggestions are fastai's.
 *
 * A copy of the model is trained, in the model's precision and on its device, so that the model stays as it is and can be used meanwhile. Its
 * forward hooks do not see the copy. Where the model is being trained, the copy is made after the running epoch. The same model, data and
 * options give the same curve.
 *
 * @param model - Where the test starts from.
 * @param dataset - The samples to train on. Every step computes the same number of them; what is left at the end of a pass is left out.
 * @throws TorchRnnError `ERR_INVALID_OPTION`, `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE` or `ERR_INVALID_DATA` when the dataset does not fit
 *   the model, `ERR_NOT_FINITE` when not even the first step can be measured, `ERR_BUSY` from inside a hook of the model, `ERR_DISPOSED`,
 *   `ERR_OUT_OF_MEMORY`; the signal's reason after an abort; and what the callback throws.
 *
 * @example
 * const { suggestion } = await findLearningRate(model, train)
 * await model.train(train, { learningRate: suggestion })
 */
export async function findLearningRate(
  model: ImageRNN,
  dataset: ImageDataset,
  options: LearningRateTestOptions = {},
): Promise<LearningRateTest> {
  return await PARTS.rates().findLearningRate(model, dataset, options)
}

/**
 * Searches for good options: draws sets of them from their ranges, trains a network with each, and ranks them by how well it does on samples
 * that it did not learn from. Yields what happens, and returns the ranking. The test set is not needed, and must choose nothing.
 *
 * All trials follow from the seed of the model: the same seed gives the same trials and results, however often the search was interrupted. Each
 * training is that of `new ImageRNN({ ...model, seed })` and `train` with the options of its trial. One that diverges counts as the worst, and
 * the search goes on. Leaving the loop stops it after the running batch.
 *
 * @param data - The samples to train with. The seed of each training decides which of them are set aside for validation.
 * @returns After the last event: the ranking, and the best options.
 * @throws TorchRnnError `ERR_INVALID_OPTION`, `ERR_INVALID_ARGUMENT`; `ERR_INVALID_DATA` for other samples than those of a search that goes on;
 *   `ERR_BUSY` when another process uses the folder; `ERR_FILE_SYSTEM`, `ERR_INVALID_FILE`; and as {@link ImageRNN} and `train`, except
 *   `ERR_NOT_FINITE`.
 *
 * @example
 * const search = searchHyperparameters(train, { trials: 30, vary: { learningRate: true, hiddenSize: { low: 64, high: 256 } } })
 * let step = await search.next()
 * for (; step.done !== true; step = await search.next()) {
 *   if (step.value.type === 'trial') console.log(step.value.values, step.value.validationAccuracy)
 * }
 * const { best } = step.value
 */
export async function* searchHyperparameters(
  data: ImageDataset,
  options: SearchOptions = {},
): AsyncGenerator<SearchEvent, SearchResult, undefined> {
  return yield* PARTS.search().searchHyperparameters(data, options)
}

/**
 * Draws loss, accuracy and, where it changes, the learning rate of trainings against their epochs, one above the other.
 *
 * @param runs - 1 to 24 trainings.
 * @returns An SVG document of its own.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_OPTION`.
 *
 * @example
 * const { epochs } = await model.train(train, { epochs: 10, validationSplit: 5000 })
 * await writeFile('curves.svg', await plotTrainingCurves([{ name: 'digits', epochs }]))
 */
export async function plotTrainingCurves(runs: readonly TrainingCurve[], options: PictureOptions = {}): Promise<string> {
  return await PARTS.trainingCurves().plotTrainingCurves(runs, options)
}

/**
 * Draws which classes are taken for which.
 *
 * @param confusionMatrix - `[C, C]` counts, rows are labels and columns answers, as in the result of `model.evaluate`.
 * @returns An SVG document of its own.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_OPTION`.
 */
export async function plotConfusionMatrix(
  confusionMatrix: readonly (readonly number[])[],
  options: ConfusionMatrixOptions = {},
): Promise<string> {
  return await PARTS.confusionMatrix().plotConfusionMatrix(confusionMatrix, options)
}

/**
 * Finds the mistakes that a model is most sure of.
 *
 * @param options.count - The most that are returned, 1 to 120. Default 24.
 * @param options.signal - Stops the call, which then rejects with the signal's reason.
 * @returns The surest first; of equally sure ones, the first of the data set.
 * @throws TorchRnnError As `model.evaluate`.
 */
export async function findMistakes(
  model: ImageRNN,
  dataset: ImageDataset,
  options: { count?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Mistake[]> {
  return await PARTS.findMistakes().findMistakes(model, dataset, options)
}

/**
 * Draws images that were not recognised, each with its class, the answer, and how sure the network was.
 *
 * @param mistakes - At most 120, in the order in which they are shown; `findMistakes` finds them.
 * @returns An SVG document of its own.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`, `ERR_INVALID_OPTION`.
 */
export async function plotMistakes(mistakes: readonly Mistake[], options: MistakesOptions = {}): Promise<string> {
  return await PARTS.mistakes().plotMistakes(mistakes, options)
}

/**
 * Draws the states of the network while it reads one image: for each layer a heat map, one row of it a row of the image, one column a neuron.
 *
 * @param hiddenStates - `[L, T, N, H]`: the state of each of L layers after each of T rows, for N samples and H neurons, as
 *   `model.inspect` gives it. With tanh from -1 to 1, with relu from 0.
 * @returns An SVG document of its own.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`, `ERR_INVALID_OPTION`.
 */
export async function plotHiddenStates(hiddenStates: Readonly<Tensor>, options: SamplePictureOptions = {}): Promise<string> {
  return await PARTS.hiddenStates().plotHiddenStates(hiddenStates, options)
}

/**
 * Draws what the network thinks so far: the probability of each class after each row of the image.
 *
 * @param probabilities - `[T, N, C]`: after each of T rows, for N samples, the softmax over C classes of what the linear layer makes of the top
 *   layer's state, as `model.inspect` gives it.
 * @returns An SVG document of its own.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`, `ERR_INVALID_OPTION`.
 */
export async function plotClassProbabilities(probabilities: Readonly<Tensor>, options: ClassPictureOptions = {}): Promise<string> {
  return await PARTS.classProbabilities().plotClassProbabilities(probabilities, options)
}

/**
 * Draws who learns from how far back: how strongly the loss depends on the state of each layer after each row.
 *
 * @param gradientNorms - `[L, T, N]`: the 2-norm of the gradient of each sample's loss with respect to the state of each of L layers after each
 *   of T rows, for N samples, as `model.inspect` gives it with labels. The picture has the median of the samples, and a band in which
 *   the half of them in the middle lies. A gradient of 0 has no place on the logarithmic axis and is left out.
 * @returns An SVG document of its own.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`, `ERR_INVALID_OPTION`.
 */
export async function plotGradientNorms(gradientNorms: Readonly<Tensor>, options: PictureOptions = {}): Promise<string> {
  return await PARTS.gradientNorms().plotGradientNorms(gradientNorms, options)
}

/**
 * Draws the recurrent matrix of each layer as a heat map: what a neuron adds to another one at the next row.
 *
 * @param state - What `model.stateDict()` gives. Of it, only `basic_rnn.weight_hh_l0` and so on are read, each `[H, H]` with at most 1024 neurons.
 * @returns An SVG document of its own.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`, `ERR_INVALID_OPTION`.
 */
export async function plotRecurrentWeights(state: ReadonlyMap<string, Tensor>, options: PictureOptions = {}): Promise<string> {
  return await PARTS.recurrentWeights().plotRecurrentWeights(state, options)
}

/**
 * Draws the eigenvalues of the recurrent matrix of each layer in the complex plane, with the unit circle. What they say holds exactly where the
 * activation is linear: states along an eigenvector grow from row to row where it lies outside the circle, and fade inside.
 *
 * libtorch finds them, on a thread of its own; it is loaded for that, as by {@link loadLibtorch}.
 *
 * @param state - As for {@link plotRecurrentWeights}.
 * @returns An SVG document of its own.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`, `ERR_INVALID_OPTION`; `ERR_NOT_FINITE` for weights with NaN or an infinity;
 *   `ERR_LIBRARY_LOAD`.
 */
export async function plotEigenvalues(state: ReadonlyMap<string, Tensor>, options: PictureOptions = {}): Promise<string> {
  return await PARTS.recurrentWeights().plotEigenvalues(state, options)
}
