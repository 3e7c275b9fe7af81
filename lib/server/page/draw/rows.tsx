/** Row by row: what goes in, what the layers remember, and what comes out, side by side, so that a row of one is the row of all. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { nameOfClass } from '../../../data/class-names'
import { model } from '../connection'
import { isShortName, percent } from '../numbers'
import { Pixels } from '../pixels'
import { mix, stateColour, theme } from '../theme'
import { chooseRow, pointedRow, type Reading, reading, row } from './reading'

/** Time of a row when they are shown one after the other. */
const PLAY_MS = 140

export function Rows() {
  const { value: now } = reading
  if (now === undefined) return null
  return (
    <section class="rows" aria-labelledby="rows-title">
      <header>
        <h2 id="rows-title">Row by row</h2>
        <Stepper rows={now.rows} />
      </header>
      <Score now={now} />
    </section>
  )
}

function Stepper({ rows }: { readonly rows: number }) {
  const isPlaying = useSignal(false)
  useEffect(() => {
    if (!isPlaying.value) return
    const timer = setInterval(() => {
      if (row.value >= rows - 1) isPlaying.value = false
      else chooseRow(row.value + 1)
    }, PLAY_MS)
    return () => clearInterval(timer)
  }, [isPlaying.value, rows])
  const play = () => {
    if (!isPlaying.value && row.value >= rows - 1) chooseRow(0)
    isPlaying.value = !isPlaying.value
  }
  return (
    <div class="stepper">
      <button type="button" class="plain play" onClick={play}>
        {isPlaying.value ? 'Pause' : 'Play'}
      </button>
      <label>
        <span class="name">Row</span>
        <input
          type="range"
          min={1}
          max={rows}
          step={1}
          value={row.value + 1}
          aria-label="Row"
          onInput={(event) => chooseRow(Number(event.currentTarget.value) - 1)}
        />
      </label>
      <output>
        {row.value + 1} <span class="of">of {rows}</span>
      </output>
    </div>
  )
}

function Score({ now }: { readonly now: Reading }) {
  const { ink, field } = theme.value
  const last = describeThought(now, row.value)
  return (
    <div class="score" onPointerLeave={() => (pointedRow.value = undefined)}>
      <Panel class="seen" title="It sees" note="28 × 28 pixels" rows={now.rows}>
        <Pixels
          class="picture"
          width={28}
          height={now.rows}
          values={now.image}
          colourOf={(value) => mix(field, ink, value / 255)}
          label="The drawing as the network gets it, in 28 by 28 pixels"
        />
      </Panel>
      {now.states.map((states, layer) => (
        <Panel key={layer} class="layer" title={layer === 0 ? 'It remembers' : ''} note={noteOf(now, layer)} rows={now.rows}>
          <Pixels
            class="states"
            width={now.neurons}
            height={now.rows}
            values={states}
            colourOf={(value) => stateColour(theme.value, value / (now.full[layer] ?? 127))}
            label={`State of layer ${layer + 1}: ${now.rows} rows of ${now.neurons} neurons. ${describeStates(states, now)}`}
          />
        </Panel>
      ))}
      <Panel class="thinks" title="It thinks" note={last} rows={now.rows}>
        <Thoughts now={now} />
      </Panel>
    </div>
  )
}

function noteOf({ stride, layers }: Reading, layer: number): string {
  const some = stride === 1 ? [] : [`every ${stride}th neuron`]
  return [...(layers === 1 ? [] : [`layer ${layer + 1}`]), ...some].join(', ')
}

interface PanelProps {
  readonly class: string
  readonly title: string
  readonly note: string
  readonly rows: number
  readonly children: ComponentChildren
}

/** A picture with a line for each row, and the mark of the row that is looked at. */
function Panel({ class: name, title, note, rows, children }: PanelProps) {
  const rowOf = (event: PointerEvent) => {
    const { top, height } = (event.currentTarget as HTMLElement).getBoundingClientRect()
    return Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - top) / height) * rows)))
  }
  return (
    <figure class={`panel ${name}`}>
      <figcaption>
        {title} <span>{note}</span>
      </figcaption>
      <div
        class="field"
        onPointerMove={(event) => {
          if (event.pointerType === 'mouse') pointedRow.value = rowOf(event)
        }}
        onPointerDown={(event) => chooseRow(rowOf(event))}
      >
        {children}
        <span class="mark" style={{ top: `${(row.value / rows) * 100}%`, height: `${100 / rows}%` }} />
      </div>
    </figure>
  )
}

/** The probabilities after each row: a column for each class, and at the end of the row the one that leads, by its number if its name is long. */
function Thoughts({ now }: { readonly now: Reading }) {
  const { ink, field } = theme.value
  const leaders = Array.from({ length: now.rows }, (_, index) => leaderOf(now, index))
  return (
    <>
      <Pixels
        class="shares"
        width={now.classes}
        height={now.rows}
        values={now.probabilities}
        colourOf={(value) => mix(field, ink, value)}
        label={`Probability of each class after each row. ${describeChanges(leaders)}`}
      />
      <ol class="leaders" aria-hidden="true">
        {leaders.map((leader, index) => (
          <li key={index} class={index === row.value ? 'now' : leader === leaders[index - 1] ? 'same' : ''}>
            {isShortName(nameOf(leader)) ? nameOf(leader) : leader}
          </li>
        ))}
      </ol>
    </>
  )
}

function leaderOf({ probabilities, classes }: Reading, index: number): number {
  const shares = probabilities.subarray(index * classes, (index + 1) * classes)
  return shares.reduce((best, share, digit) => (share > (shares[best] ?? 0) ? digit : best), 0)
}

/** A class of the network that reads. */
function nameOf(label: number): string {
  return nameOfClass(label, model.value?.classNames)
}

function describeThought(now: Reading, index: number): string {
  const leader = leaderOf(now, index)
  return `${nameOf(leader)}, ${percent(now.probabilities[index * now.classes + leader] ?? 0)}`
}

/** "From row 1 it leads with 5, from row 9 with 7." */
function describeChanges(leaders: readonly number[]): string {
  const changes = leaders.flatMap((leader, index) =>
    leader === leaders[index - 1] ? [] : [`from row ${index + 1}, ${nameOf(leader)} leads`],
  )
  return `${changes.join('; ')}.`
}

function describeStates(states: Int8Array, { neurons, scale }: Reading): string {
  const line = states.subarray(row.value * neurons, (row.value + 1) * neurons)
  const mean = line.reduce((sum, value) => sum + Math.abs(value), 0) / (neurons || 1)
  return `After row ${row.value + 1}, their mean strength is ${((mean / 127) * scale).toFixed(2)}.`
}
