/**
 * What the calls of models must do, in plain TypeScript: each model computes its calls one after another, and a call that computes is held in
 * a forward hook until it is released. So nothing depends on time, and every outcome is certain.
 */

export type Method = 'forward' | 'predict' | 'evaluate' | 'stateDict' | 'loadStateDict' | 'to' | 'threadCount' | 'train'
export type Outcome = 'resolves' | 'ERR_BUSY' | 'ERR_DISPOSED' | 'aborted'

export const METHODS: readonly Method[] = ['forward', 'predict', 'evaluate', 'stateDict', 'loadStateDict', 'to', 'threadCount', 'train']
/** Epochs of a training, each of one batch. */
export const EPOCHS = 2

const COMPUTING: readonly Method[] = ['forward', 'predict', 'evaluate']
/** The methods that take a signal. */
const ABORTABLE: readonly Method[] = [...COMPUTING, 'train']
const CHANGING: readonly Method[] = ['loadStateDict', 'to', 'train']

/** The hook in which a model is held. */
export interface HookRun {
  readonly model: number
  /** The hooks inside which the held call was made. */
  readonly outer: readonly HookRun[]
  isOver: boolean
}

export interface ExpectedCall {
  readonly model: number
  readonly method: Method
  readonly madeIn: readonly HookRun[]
  outcome?: Outcome
  /** For a forward that resolves: whether the parameters are those of the beginning. */
  isUnchanged?: boolean
}

/** One turn of a call on the model's thread. Only a pass through the network is held. */
interface Turn {
  readonly call: ExpectedCall
  readonly epoch?: number
  readonly isPass: boolean
}

interface ModelState {
  readonly turns: Turn[]
  isDisposed: boolean
  training?: ExpectedCall
  isUnchanged: boolean
  held?: HookRun
}

export class CallOracle {
  readonly calls: ExpectedCall[] = []
  readonly #models: ModelState[]

  constructor(models: number) {
    this.#models = Array.from({ length: models }, () => ({ turns: [], isDisposed: false, isUnchanged: true }))
  }

  /** The hook that holds a model, if one does. */
  held(model: number): HookRun | undefined {
    return this.#state(model).held
  }

  isDisposed(model: number): boolean {
    return this.#state(model).isDisposed
  }

  /** A call from outside, or from inside a hook. */
  start(model: number, method: Method, inside?: HookRun): ExpectedCall {
    const madeIn = inside === undefined ? [] : [inside, ...inside.outer].filter((run) => !run.isOver)
    const call: ExpectedCall = { model, method, madeIn }
    this.calls.push(call)
    const state = this.#state(model)
    if (state.isDisposed) call.outcome = 'ERR_DISPOSED'
    else if (this.#waitsForItself(model, madeIn)) call.outcome = 'ERR_BUSY'
    else if (state.training !== undefined && CHANGING.includes(method)) call.outcome = 'ERR_BUSY'
    if (call.outcome !== undefined) return call
    if (method === 'train') state.training = call
    state.turns.push({ call, isPass: COMPUTING.includes(method) })
    this.#advance(model)
    return call
  }

  /** Lets the held pass of a model go on to its end. */
  release(model: number): void {
    this.#endPass(model)
    this.#advance(model)
  }

  abort(call: ExpectedCall): void {
    if (call.outcome !== undefined || !ABORTABLE.includes(call.method)) return
    this.#drop(call, 'aborted')
    this.#advance(call.model)
  }

  dispose(model: number): void {
    const state = this.#state(model)
    state.isDisposed = true
    for (const { call } of [...state.turns]) this.#drop(call, 'ERR_DISPOSED')
  }

  #state(model: number): ModelState {
    const state = this.#models[model]
    if (state === undefined) throw new Error(`No model ${model}`)
    return state
  }

  /** Whether a model that would compute for hooks `madeIn` waits, perhaps through others, for one of them to end. */
  #waitsForItself(model: number, madeIn: readonly HookRun[]): boolean {
    const hooks = new Set(madeIn.map((run) => run.model))
    const visited = new Set<number>()
    const leadsBack = (from: number): boolean => {
      if (hooks.has(from)) return true
      if (visited.has(from)) return false
      visited.add(from)
      const isMadeThere = (call: ExpectedCall) => call.madeIn.some((run) => !run.isOver && run.model === from)
      return this.calls.some((call) => call.outcome === undefined && isMadeThere(call) && leadsBack(call.model))
    }
    return hooks.size > 0 && leadsBack(model)
  }

  /** Runs turns until one is held or none is left. */
  #advance(model: number): void {
    const state = this.#state(model)
    while (state.held === undefined) {
      const turn = state.turns[0]
      if (turn === undefined) return
      if (turn.isPass) state.held = { model, outer: turn.call.madeIn.filter((run) => !run.isOver), isOver: false }
      else this.#endTurn(state, turn)
    }
  }

  #endPass(model: number): void {
    const state = this.#state(model)
    const turn = state.turns[0]
    if (state.held === undefined || turn === undefined) throw new Error(`Model ${model} is not held.`)
    state.held.isOver = true
    delete state.held
    this.#endTurn(state, turn)
  }

  #endTurn(state: ModelState, { call, epoch = 0 }: Turn): void {
    state.turns.shift()
    if (call.method === 'loadStateDict') state.isUnchanged = true // The test loads the parameters of the beginning.
    if (call.method === 'train') {
      if (epoch > 0) state.isUnchanged = false
      // The next epoch waits behind the calls that came meanwhile.
      if (epoch < EPOCHS) return void state.turns.push({ call, epoch: epoch + 1, isPass: true })
      delete state.training
    }
    if (call.method === 'forward') call.isUnchanged = state.isUnchanged
    call.outcome = 'resolves'
  }

  #drop(call: ExpectedCall, outcome: Outcome): void {
    const state = this.#state(call.model)
    const index = state.turns.findIndex((turn) => turn.call === call)
    if (index === 0 && state.held !== undefined) {
      state.held.isOver = true
      delete state.held
    }
    if (index >= 0) state.turns.splice(index, 1)
    if (state.training === call) delete state.training
    call.outcome = outcome
  }
}
