/** What the network thinks after the row that is looked at. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { percent } from '../numbers'
import { isPending, reading, row, thoughts } from './reading'

/** After this time without a change, the answer is said to those who do not see it. */
const SETTLE_MS = 600

export function Answer() {
  const { value: now } = reading
  const { value: shares } = thoughts
  const order = shares === undefined ? [] : Array.from(shares.keys()).sort((one, other) => (shares[other] ?? 0) - (shares[one] ?? 0))
  const [best, second] = order
  const isKnown = shares !== undefined && best !== undefined
  return (
    <div class="answer" aria-busy={isPending.value} data-delay={now?.delay.toFixed(1)}>
      <p class="when">{now === undefined ? 'What the network thinks' : whenOf(row.value, now.rows)}</p>
      <div class="verdict">
        <p class={isKnown ? 'digit' : 'digit none'} id="answer">
          {isKnown ? best : '?'}
        </p>
        <p class="certainty">
          <span class="share">{isKnown ? percent(shares[best] ?? 0) : ''}</span>
          <span class="second">{isKnown && second !== undefined ? `or ${second}, with ${percent(shares[second] ?? 0)}` : ''}</span>
        </p>
      </div>
      <Bars shares={shares} best={best} />
      <Announcement text={isKnown ? `${best}, ${percent(shares[best] ?? 0)}` : ''} />
    </div>
  )
}

function whenOf(index: number, rows: number): string {
  return index === rows - 1 ? `After all ${rows} rows` : `After row ${index + 1} of ${rows}`
}

function Bars({ shares, best }: { readonly shares: Float32Array | undefined; readonly best: number | undefined }) {
  const values = shares === undefined ? new Array<number>(10).fill(0) : Array.from(shares)
  return (
    <ol class="bars" aria-label="Probability of each digit">
      {values.map((share, index) => (
        <li key={index} class={index === best ? 'best' : ''}>
          <span class="rod" aria-hidden="true">
            <span class="rod-fill" style={{ height: `${share * 100}%` }} />
          </span>
          <span class="name">{index}</span>
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
