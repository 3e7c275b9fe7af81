import { computed, signal, useSignalEffect } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { isOnline, isTraining, model, problem, training } from './connection'
import { DrawScreen } from './draw/draw-screen'
import { percent } from './numbers'
import { TrainScreen } from './train/train-screen'

const SCREENS = { draw: 'Draw', train: 'Train' } as const
type Screen = keyof typeof SCREENS

const TITLES: Readonly<Record<Screen, string>> = { draw: 'Draw a digit', train: 'Train a network' }

const address = signal(location.hash)
addEventListener('hashchange', () => {
  address.value = location.hash
})

const screen = computed<Screen>(() => (address.value === '#train' ? 'train' : 'draw'))

export function App() {
  const main = useRef<HTMLElement>(null)
  const shown = useRef<Screen | undefined>(undefined)
  useSignalEffect(() => {
    document.title = TITLES[screen.value]
    // Whoever uses the keyboard or a screen reader goes on where the new screen begins.
    if (shown.current !== undefined && shown.current !== screen.value) main.current?.focus()
    shown.current = screen.value
  })
  return (
    <>
      <header class="bar">
        <nav aria-label="Screens">
          {(Object.keys(SCREENS) as Screen[]).map((name) => (
            <a key={name} href={`#${name}`} aria-current={screen.value === name ? 'page' : undefined}>
              {SCREENS[name]}
            </a>
          ))}
        </nav>
        <Status />
      </header>
      <main ref={main} tabIndex={-1} aria-label={TITLES[screen.value]}>
        {screen.value === 'draw' ? <DrawScreen /> : <TrainScreen />}
      </main>
    </>
  )
}

/** One line: what reads, or what is wrong. */
function Status() {
  if (!isOnline.value) return <p class="status problem">The server does not answer. Is it still running?</p>
  if (problem.value !== undefined) return <p class="status problem">{problem.value}</p>
  const { value: view } = training
  if (screen.value === 'draw' && isTraining(view) && view !== undefined) {
    const accuracy = view.accuracy == null ? '' : `, ${percent(view.accuracy, 0)} right so far`
    return (
      <p class="status">
        Learning: epoch {Math.min(view.epochs, Math.floor(view.progress) + 1)} of {view.epochs}
        {accuracy}
      </p>
    )
  }
  if (model.value === undefined) return <p class="status" />
  const { numLayers, hiddenSize, nonlinearity } = model.value
  return (
    <p class="status">
      {numLayers} × {hiddenSize} {nonlinearity} neurons
    </p>
  )
}
