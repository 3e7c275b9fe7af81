/** What the network thinks after the row that is looked at. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { nameOfClass } from '../../../data/class-names'
import { model } from '../connection'
import { isShortName, percent } from '../numbers'
import { isPending, reading, row, thoughts } from './reading'

/** After this time without a change, the answer is said to those who do not see it. */
const SETTLE_MS = 600

export function Answer() {
  const { value: now } = reading
  const { value: shares } = thoughts
  if (now === undefined || shares === undefined) return <Welcome />
  const [best = 0, second = 0] = Array.from(shares.keys()).sort((one, other) => (shares[other] ?? 0) - (shares[one] ?? 0))
  const share = percent(shares[best] ?? 0)
  const [name = '', runnerUp = ''] = [best, second].map((label) => nameOfClass(label, model.value?.classNames))
  return (
    <div class="answer" aria-busy={isPending.value} data-delay={now.delay.toFixed(1)}>
      <h1 class="hidden">What the network thinks</h1>
      <p class="when">{whenOf(row.value, now.rows)}</p>
      <div class="verdict">
        <p class={isShortName(name) ? 'digit' : 'digit word'} id="answer">
          {name}
        </p>
        <p class="certainty">
          <span class="share">{share}</span>
          <span class="second">
            or {runnerUp}, with {percent(shares[second] ?? 0)}
          </span>
        </p>
      </div>
      <Bars shares={shares} best={best} />
      <Announcement text={`${name}, ${share}`} />
    </div>
  )
}

function Welcome() {
  return (
    <div class="welcome">
      <h1>Draw a digit.</h1>
      <p class="lead">
        The network does not see the whole picture at once. It reads one row of pixels after the other, and keeps what it needs in its
        memory. Draw, and watch it change its mind.
      </p>
    </div>
  )
}

function whenOf(index: number, rows: number): string {
  return index === rows - 1 ? `After all ${rows} rows` : `After row ${index + 1} of ${rows}`
}

function Bars({ shares, best }: { readonly shares: Float32Array; readonly best: number }) {
  return (
    <ol class="bars" aria-label="Probability of each class">
      {Array.from(shares, (share, index) => (
        <li key={index} class={index === best ? 'best' : ''}>
          <span class="rod" aria-hidden="true">
            <span class="rod-fill" style={{ height: `${share * 100}%` }} />
          </span>
          <span class="name">{nameOfClass(index, model.value?.classNames)}</span>
          <span class="hidden">{percent(share)}</span>
        </li>
      ))}
    </ol>
  )
}

function Announcement({ text }: { readonly text: string }) {
  const said = useSignal('')
  useEffect(() => {
    const timer = setTimeout(() => {
      said.value = text
    }, SETTLE_MS)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <p class="hidden" role="status">
      {said.value}
    </p>
  )
}
