import { chooseModel, model } from '../connection'
import { Answer } from './answer'
import { clear, Pad } from './pad'
import { reading } from './reading'
import { Rows } from './rows'

export function DrawScreen() {
  return (
    <>
      <section class="draw" aria-label="Drawing and answer">
        <div class="desk">
          <Pad />
          <p class="beneath">
            <button type="button" class="plain" onClick={clear} disabled={reading.value === undefined}>
              Clear
            </button>
            <span id="pad-keys" class="keys">
              <kbd>arrows</kbd> move the pen, <kbd>space</kbd> draws, <kbd>delete</kbd> clears
            </span>
          </p>
        </div>
        <Answer />
      </section>
      <Rows />
      <Reader />
    </>
  )
}

/** Which network reads. */
function Reader() {
  const { value: view } = model
  if (view === undefined) return null
  const other = view.choice === 'first' ? 'trained' : 'first'
  return (
    <p class="reader">
      {`Read by ${view.name}. `}
      {view.hasTrained && (
        <button type="button" class="link" onClick={() => void chooseModel(other)}>
          {other === 'first' ? 'Use the network of the start instead' : 'Use the one that was trained here instead'}
        </button>
      )}
    </p>
  )
}
