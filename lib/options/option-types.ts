/** The options of the public API. The table of all options, options.ts, has a spec for each that is a single value. */
import type { Normalization } from './normalization'

/** Where and how a model computes. None of these options changes which parameters it has. */
export interface PlacementOptions {
  /** Every random choice of the model follows from this. Default 1. */
  seed?: number | undefined
  /**
   * Where to compute: `'auto'` (CUDA where there is some, else the CPU; always the CPU with the engine `'fused'`), `'cpu'`, `'cuda'` or
   * `'cuda:N'`. Default `'auto'`.
   */
  device?: string | undefined
  /**
   * What computes logits and gradients. `'torch'` is libtorch's nn::RNN with autograd, on any device and in any precision. `'fused'` is this
   * package's own code for the CPU, several times as fast, in float32; the numbers are the same up to rounding. `'auto'` is `'fused'` on the CPU,
   * unless the precision is bf16, and else `'torch'`. Default `'auto'`.
   *
   * Forward hooks see the tensors of nn::RNN. So forward, predict and evaluate always run through it while there are hooks. A training does
   * so with `'auto'`, and there is a process warning (`TORCH_RNN_MNIST_ENGINE`); with `'fused'` it is refused.
   */
  engine?: 'auto' | 'torch' | 'fused' | undefined
  /**
   * Threads of one operation on the CPU; more of them than cores make it slower. 0 takes as many as libtorch finds cores, but no more than
   * the process may use: its CPU affinity and the quota of its container count. Default 0.
   */
  threads?: number | undefined
  /**
   * How the matrices are multiplied: `'float32'`; or `'tf32'`, which rounds the operands of the recurrent layers to 10 bits of mantissa on a
   * GPU and is faster on NVIDIA's Ampere and newer (the CPU computes in float32 with it); or `'bf16'`, which computes forward and backward
   * pass in bfloat16, as PyTorch's autocast does on the CPU. Every CPU can, but it is meant for those with instructions for it; a GPU must be
   * NVIDIA's Ampere or newer. Parameters, loss and optimizer are always float32. Default `'float32'`.
   */
  precision?: 'float32' | 'tf32' | 'bf16' | undefined
}

/** What the classes of a model are called. */
export interface LabellingOptions {
  /**
   * The name of each class, by label: C different texts of 1 to 100 printable characters. They are kept in the model's files. Absent: a class
   * has its number alone.
   */
  classNames?: readonly string[] | undefined
}

/** What a model is made of and where it computes. Everything is optional; the defaults are the tutorial's network. */
export interface ModelOptions extends PlacementOptions, LabellingOptions {
  /** Features per time step: the pixels of a row (F). Default 28. */
  inputSize?: number | undefined
  /** Neurons in each recurrent layer (H). Default 150. */
  hiddenSize?: number | undefined
  /** Recurrent layers on top of each other (L). Default 3. */
  numLayers?: number | undefined
  /** Classes to tell apart (C), 1 to 256: a label is one byte. Default 10. */
  numClasses?: number | undefined
  /** Activation of the recurrent layers. Default `'tanh'`. */
  nonlinearity?: 'tanh' | 'relu' | undefined
  /** Start of the recurrent matrices: the identity (the tutorial's trick), or PyTorch's own uniform start. Default `'identity'`. */
  recurrentInit?: 'identity' | 'uniform' | undefined
  /**
   * What is done with each feature before the network reads it; it is saved with the model. Default: nothing. `await train.normalization()` of an
   * `ImageDataset` gives that by its mean and deviation.
   */
  normalization?: Normalization | undefined
}

/** The options of a model that the table of options describes. */
export type PlainModelOptions = Omit<ModelOptions, 'normalization'>

/** The options of a model as resolved: each has a value, except for names that nobody gave and a normalization that nobody wants. */
export type ResolvedModelOptions = {
  readonly [Key in Exclude<keyof ModelOptions, 'normalization' | keyof LabellingOptions>]-?: Exclude<ModelOptions[Key], undefined>
} & { readonly [Key in 'normalization' | keyof LabellingOptions]?: Exclude<ModelOptions[Key], undefined> }

/** How the gradients become updates. The defaults are those of torch.optim.Adam. */
export interface OptimizerOptions {
  /**
   * - `'adam'`: torch.optim.Adam
   * - `'adamw'`: torch.optim.AdamW, with decoupled weight decay
   * - `'muon'`: torch.optim.Muon for the matrices between hidden states (every weight_hh, and weight_ih above the first layer), with Nesterov's
   *   momentum, decoupled weight decay and `adjust_lr_fn="match_rms_adamw"`; AdamW for all other parameters, with the same rate and decay.
   *   An update takes longer, and fewer are needed. Muon's matrices are made orthogonal in float32, where PyTorch uses bfloat16.
   *
   * Default `'adam'`.
   */
  optimizer?: 'adam' | 'adamw' | 'muon' | undefined
  /** Step size: the rate that the schedule starts from, or its highest one. Default 0.001. */
  learningRate?: number | undefined
  /** How slowly Adam's running means of the gradients and of their squares follow, each 0 to below 1. Default `[0.9, 0.999]`. */
  betas?: readonly [number, number] | undefined
  /**
   * Pull of the parameters towards zero: part of the gradient with `'adam'`, apart from it with the others. Default 0 with `'adam'`, 0.01 with
   * `'adamw'`, 0.1 with `'muon'`, as in PyTorch.
   */
  weightDecay?: number | undefined
  /** How slowly Muon's running mean of the gradients follows, 0 to below 1. Default 0.95. */
  momentum?: number | undefined
  /** Gradients whose norm over all parameters is larger are scaled down to it, as torch.nn.utils.clip_grad_norm_ does. Absent: never. */
  clipGradNorm?: number | undefined
  /** Share of the target that is spread evenly over all classes, 0 to 1, as in torch.nn.CrossEntropyLoss. Default 0. */
  labelSmoothing?: number | undefined
  /** Batches whose gradients make one update; the last update of an epoch may have fewer. Default 1. */
  accumulationSteps?: number | undefined
  /**
   * Decay of an exponential moving average of the parameters, 0 to below 1, which starts from the first parameters and follows every update.
   * Between the epochs and at the end the model holds the average; training goes on from the parameters themselves. Absent: no average.
   */
  emaDecay?: number | undefined
}

/**
 * How the learning rate changes, as with PyTorch's schedulers. An option of a schedule that was not chosen is refused, unless it has its
 * default: it would have no effect.
 */
export interface ScheduleOptions {
  /**
   * - `'constant'`
   * - `'step'`: multiplied by `gamma` every `stepSize` epochs (StepLR)
   * - `'cosine'`: half a wave over all updates, from `learningRate` down to `minLearningRate` (CosineAnnealingLR)
   * - `'one-cycle'`: half a wave up from a 25th of `learningRate`, and one down to almost nothing (OneCycleLR)
   * - `'warmup-cosine'`: in a straight line up from a tenth of `learningRate`, then `'cosine'` (SequentialLR of LinearLR and CosineAnnealingLR)
   * - `'plateau'`: multiplied by `gamma` when the validation loss falls no more (ReduceLROnPlateau); needs validation samples
   *
   * Default `'constant'`.
   */
  schedule?: 'constant' | 'step' | 'cosine' | 'one-cycle' | 'warmup-cosine' | 'plateau' | undefined
  /** Epochs between two steps of `'step'`. Default 5. */
  stepSize?: number | undefined
  /** What the rate is multiplied by at each step of `'step'`, and when `'plateau'` reduces it (then below 1). Default 0.1. */
  gamma?: number | undefined
  /** Share of all updates during which the rate rises, 0 to 1. Default 0.3 with `'one-cycle'` and 0.05 with `'warmup-cosine'`. */
  warmup?: number | undefined
  /** The rate that `'cosine'` and `'warmup-cosine'` go down to, and the lowest one of `'plateau'`; at most `learningRate`. Default 0. */
  minLearningRate?: number | undefined
  /**
   * Epochs in a row whose validation loss is not lower, by at least a ten-thousandth, that `'plateau'` bears; the next one reduces the rate.
   * Default 10.
   */
  plateauPatience?: number | undefined
}

/** What a model is measured on while it trains. */
export interface ValidationOptions {
  /**
   * Sets a part of the training set aside for validation: a number of samples (an integer from 1), or a share of them (between 0 and 1). The
   * model does not learn from them. Its seed alone decides which samples these are, so a second training of the model sets the same ones
   * aside. Absent: none.
   */
  validationSplit?: number | undefined
}

/** When a training ends before its last epoch. */
export interface EarlyStoppingOptions {
  /** Epochs in a row without a lower validation loss after which the training ends. Needs validation samples. Absent: never. */
  earlyStoppingPatience?: number | undefined
  /**
   * Whether a training with early stopping gives the model, at its end, the parameters of the epoch with the lowest validation loss (with
   * `emaDecay` the average as it was then), also when it ran to its last epoch. Default true.
   */
  restoreBest?: boolean | undefined
}

/**
 * Random changes of the training images, as torchvision's RandomHorizontalFlip and then RandomAffine make them: about the centre, an image is
 * mirrored, sheared, scaled, rotated, then shifted, with bilinear interpolation, and 0 where nothing was. Every number is drawn uniformly from its range, anew for every sample and
 * epoch; it follows from the model's seed, the epoch and the sample's index in the training set alone. Validation and evaluation see the images
 * as they are. All 0 (the default): no changes.
 */
export interface AugmentationOptions {
  /** Largest shift along each axis, to either side, in pixels, 0 to 1000. Fractions of a pixel are drawn, too. Default 0. */
  augmentShift?: number | undefined
  /** Largest rotation about the centre, to either side, in degrees, 0 to 180. Default 0. */
  augmentRotation?: number | undefined
  /** Largest change of size, 0 to 0.9: 0.1 gives 0.9 to 1.1 times. Default 0. */
  augmentScale?: number | undefined
  /** Largest horizontal shear, to either side, in degrees, 0 to 80: the angle by which upright lines lean. Default 0. */
  augmentShear?: number | undefined
  /** Probability that an image is mirrored left to right, 0 to 1: for pictures of things, not of digits. Default 0. */
  augmentFlip?: number | undefined
}

/** How to train. Everything is optional; the defaults are the tutorial's. */
export interface TrainHyperparameters
  extends OptimizerOptions,
    ScheduleOptions,
    ValidationOptions,
    EarlyStoppingOptions,
    AugmentationOptions {
  /** Passes over the training set. Default 10. */
  epochs?: number | undefined
  /** Samples that are computed together (N). Default 128. */
  batchSize?: number | undefined
  /** Whether every epoch visits the samples in a new random order. Default true. */
  shuffle?: boolean | undefined
  /** Batches between two progress events; the last batch of an epoch always reports. Default 10. */
  logInterval?: number | undefined
}

/** How a search tries options: how many trials there are, how long each is, and what is the best. */
export interface SearchPlanOptions {
  /**
   * - `'random'`: every trial has as many epochs as the training options say
   * - `'halving'`: all trials begin with few epochs; the best of them, one in `eta`, are trained anew with `eta` times the epochs, and so on,
   *   until the training options' epochs are reached (successive halving: Jamieson and Talwalkar, "Non-stochastic best arm identification
   *   and hyperparameter optimization", 2016; the inner loop of Hyperband, Li et al., 2018)
   *
   * Default `'random'`.
   */
  strategy?: 'random' | 'halving' | undefined
  /** How many sets of options are tried, 1 to 10000. Default 20. */
  trials?: number | undefined
  /** One in so many trials goes on to the next rung of `'halving'`, 2 to 100. Default 3. */
  eta?: number | undefined
  /** The fewest epochs that a trial of `'halving'` begins with. Default 1. */
  minEpochs?: number | undefined
  /**
   * What ranks the trials, on the validation samples: `'accuracy'` (the higher; of equal ones, the lower loss), or `'loss'` (the lower).
   * Default `'accuracy'`.
   */
  metric?: 'accuracy' | 'loss' | undefined
  /**
   * Trainings of each trial, with the seed of the model and those that follow it, 1 to 100. The trials are ranked by the mean. Default 1.
   */
  seeds?: number | undefined
}

/** What a model in the format ONNX reads. */
export interface OnnxOptions {
  /** Whether it has a second input, `lengths`, int32 `[N]`, for sequences of different length: how many rows of each are real. Default false. */
  lengths?: boolean | undefined
}

/** How to compute many images. */
export interface BatchingOptions {
  /** Samples that are computed at once, 1 to 65536. Default 1000; but where there are hooks, forward and predict compute all at once. */
  batchSize?: number | undefined
}

/** Which mistakes an evaluation tells one by one. */
export interface MistakeOptions {
  /** The most mistakes that are told, 0 to 10,000: those that the model is surest of. Default 0. */
  mistakes?: number | undefined
}

/** Single files of a data set, where they are not in one folder under known names. Each is IDX (plain or gzipped), `.npy`, `.npz` or CSV. */
export interface DataFileOptions {
  /** The images to train with; a CSV or an `.npz` that holds the labels, too, needs no `trainLabels`. */
  trainImages?: string | undefined
  /** Their labels. */
  trainLabels?: string | undefined
  /** The images to evaluate with. Absent: a part of those to train with. */
  testImages?: string | undefined
  /** Their labels. */
  testLabels?: string | undefined
}

/**
 * How a data set is read. What is left out is recognised by the content of the files, and told in the `description` of what was read. An
 * option that does not matter for a format has no effect.
 */
export interface ReadingOptions {
  /** What the data are: `'idx'`, `'npz'`, `'csv'`, or `'pictures'` in folders by class. Default `'auto'`. */
  format?: 'auto' | 'idx' | 'npz' | 'csv' | 'pictures' | undefined
  /** Of several data sets in a folder, the one whose files or folders have this word in their names: `'letters'` of EMNIST. */
  subset?: string | undefined
  /** Whether rows and columns of each image are swapped in the files, as in EMNIST. Default `'auto'`. */
  orientation?: 'auto' | 'upright' | 'transposed' | undefined
  /** The label of the first class, 0 to 255. Absent: 1 where the labels begin with 1 and leave none out, otherwise 0. */
  firstLabel?: number | undefined
  /**
   * What the classes are called: names with commas between them, or the path of a file with one name a line, or of a mapping as EMNIST has it
   * (label and character codes). Absent: the names that the data have, or that are known for the data set.
   */
  labelNames?: string | undefined
  /** The column of a CSV with the labels: its name, or its number from 1. Absent: the one named label, class, target, digit or y, else the first. */
  labelColumn?: string | undefined
  /** Rows and columns of an image: `'28'` or `'32x24'`. Pictures are resized to it. Absent: 28 x 28 for pictures, a square for rows of pixels. */
  imageSize?: string | undefined
  /** How pictures of another shape are brought to the image size: with a border, cropped, or stretched. Default `'contain'`. */
  fit?: 'contain' | 'cover' | 'stretch' | undefined
  /** What is drawn in pictures: dark on light, which is inverted, since 0 is the background, or light on dark. Default `'auto'`: by their borders. */
  ink?: 'auto' | 'dark' | 'light' | undefined
  /** Where the data have no test part: the samples of each class that are set aside as one, a number of all samples or a share. Default 0.1. */
  testSplit?: number | undefined
  /** Which samples these are follows from it, and not from the seed of a model: all models are tested on the same ones. Default 1. */
  splitSeed?: number | undefined
  /** Whether pictures that cannot be read are left out. Otherwise the first one is an error. Default false. */
  skipBroken?: boolean | undefined
}
