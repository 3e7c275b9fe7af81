/** What the network still gets wrong. */
import { useMemo } from 'preact/hooks'
import { nameOfClass } from '../../../data/class-names'
import type { Mistake, MistakesView } from '../../messages'
import { bytesOf, percent } from '../numbers'
import { Pixels } from '../pixels'
import { mix, theme } from '../theme'

export function Mistakes({ view }: { readonly view: MistakesView }) {
  const { epoch, samples, wrong, shown, classNames } = view
  const after = epoch === 0 ? '' : `, after ${epoch === 1 ? 'one epoch' : `${epoch} epochs`}`
  return (
    <section class="mistakes" aria-labelledby="mistakes-title">
      <h2 id="mistakes-title">What it still gets wrong</h2>
      <p class="lead">
        {wrong === 0 ? 'Nothing' : wrong.toLocaleString('en')} of the first {samples.toLocaleString('en')} test images{after}.
        {wrong > shown.length ? ' It was surest of these:' : ''}
      </p>
      <ol>
        {shown.map((mistake) => (
          <MistakeFigure key={mistake.image} mistake={mistake} classNames={classNames} />
        ))}
      </ol>
    </section>
  )
}

interface MistakeProps {
  readonly mistake: Mistake
  readonly classNames: MistakesView['classNames']
}

function MistakeFigure({ mistake, classNames }: MistakeProps) {
  const { image, probability } = mistake
  const [label, answer] = [mistake.label, mistake.answer].map((each) => nameOfClass(each, classNames))
  const pixels = useMemo(() => bytesOf(image), [image])
  const { ink, field } = theme.value
  return (
    <li title={`read as ${answer}, with ${percent(probability)}; it is ${label}`}>
      <Pixels
        width={28}
        height={28}
        values={pixels}
        colourOf={(value) => mix(field, ink, value / 255)}
        label={`A ${label}, read as ${answer}`}
      />
      <p aria-hidden="true">
        <s>{answer}</s> <b>{label}</b>
      </p>
    </li>
  )
}
