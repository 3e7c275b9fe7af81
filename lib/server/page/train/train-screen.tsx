import type { TrainingView } from '../../messages'
import { isTraining, mistakes, points, stopTraining, training } from '../connection'
import { duration, percent } from '../numbers'
import { Curve } from './curve'
import { Mistakes } from './mistakes'
import { Settings } from './settings'

/** A network that only guesses has a loss of 2.3. The few values above are cut off. */
const HIGHEST_LOSS = 2.5

export function TrainScreen() {
  const { value: view } = training
  if (view === undefined) return <p class="lead">One moment …</p>
  if (view.state === 'idle') {
    return (
      <section class="train begin">
        <h1>Teach a network to read.</h1>
        <Settings />
      </section>
    )
  }
  return (
    <section class="train">
      <Headline view={view} />
      <Curves view={view} />
      {mistakes.value !== null && <Mistakes view={mistakes.value} />}
      {!isTraining(view) && (
        <div class="again">
          <h2>Once more?</h2>
          <Settings />
        </div>
      )}
    </section>
  )
}

/** One number, and what it means. */
function Headline({ view }: { readonly view: TrainingView }) {
  const { state, test, accuracy, message } = view
  const share = test?.accuracy ?? accuracy
  return (
    <header class="headline">
      <p class="figure" aria-hidden={share == null}>
        {share == null ? '…' : percent(share, test === undefined ? 1 : 2)}
      </p>
      <div>
        <h1>{titleOf(view)}</h1>
        <p class="lead">{explain(view)}</p>
        {message !== undefined && <p class={state === 'failed' ? 'problem' : 'note'}>{message}</p>}
        <p class="actions">
          {isTraining(view) ? (
            <button type="button" class="plain" onClick={() => void stopTraining()} disabled={state === 'stopping'}>
              {state === 'stopping' ? 'Stopping …' : 'Stop'}
            </button>
          ) : (
            state !== 'failed' && (
              <a class="strong" href="#draw">
                Draw for it
              </a>
            )
          )}
        </p>
      </div>
      <progress max={view.epochs} value={view.progress} aria-label="Epochs done" />
    </header>
  )
}

function titleOf({ state, epochs, progress }: TrainingView): string {
  const epoch = Math.min(epochs, Math.floor(progress) + 1)
  switch (state) {
    case 'starting':
      return 'Getting ready …'
    case 'running':
      return progress >= epochs ? 'Taking the test …' : `Learning, epoch ${epoch} of ${epochs}`
    case 'stopping':
      return 'Stopping and saving …'
    case 'done':
      return 'It has learned.'
    case 'stopped':
      return 'Stopped.'
    default:
      return 'That did not work.'
  }
}

function explain({ state, test, accuracy, loss, secondsLeft, run, epochs, progress }: TrainingView): string {
  if (test !== undefined) return `of ${test.samples.toLocaleString('en')} digits that it has never seen, it reads right. Saved in ${run}.`
  if (state === 'failed') return ''
  if (accuracy == null) return 'Reading the images.'
  const left = secondsLeft === undefined || progress >= epochs || state !== 'running' ? '' : ` About ${duration(secondsLeft)} left.`
  const now = `of the digits of this epoch, it has read right. Loss ${loss?.toFixed(3) ?? ''}.`
  return state === 'stopped' ? `of the digits of the last epoch, it had read right. Saved in ${run}.` : `${now}${left}`
}

function Curves({ view }: { readonly view: TrainingView }) {
  const { value: all } = points
  const end = Math.max(view.epochs, 1)
  return (
    <div class="curves">
      <Curve
        title="Read right"
        end={end}
        top={1}
        ticks={[0, 0.5, 1]}
        format={(value) => percent(value, 0)}
        points={all.map(({ epoch, accuracy }) => [epoch, accuracy])}
      />
      <Curve
        title="Loss, in nats"
        end={end}
        top={HIGHEST_LOSS}
        ticks={[0, 1, 2]}
        format={(value) => String(value)}
        points={all.map(({ epoch, loss }) => [epoch, loss])}
      />
    </div>
  )
}
