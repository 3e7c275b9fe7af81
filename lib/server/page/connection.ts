/** What the server tells, as signals, and what it can be asked for. */
import { signal } from '@preact/signals'
import type {
  CurvePoint,
  MistakesView,
  ModelChoice,
  ModelView,
  RecipeView,
  RefusalMessage,
  TrainingRequest,
  TrainingView,
  UpdateMessage,
} from '../messages'

export const model = signal<ModelView | undefined>(undefined)
export const training = signal<TrainingView | undefined>(undefined)
export const recipes = signal<readonly RecipeView[]>([])
export const points = signal<readonly CurvePoint[]>([])
export const mistakes = signal<MistakesView | null>(null)
/** Whether the server answers. */
export const isOnline = signal(true)
/** What went wrong with the latest request; undefined when nothing did. */
export const problem = signal<string | undefined>(undefined)

/** After this time, a connection that the browser gave up is tried again. */
const RETRY_MS = 2000

/** Listens to the server from now on. */
export function connect(): void {
  const source = new EventSource('/api/events')
  source.addEventListener('update', (event) => {
    isOnline.value = true
    receive(JSON.parse((event as MessageEvent<string>).data) as UpdateMessage)
  })
  source.addEventListener('error', () => {
    isOnline.value = false
    // Otherwise the browser tries again by itself.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS)
  })
}

function receive(message: UpdateMessage): void {
  model.value = message.model
  training.value = message.training
  recipes.value = message.recipes
  points.value = [...points.value.slice(0, message.from), ...message.points]
  if (message.mistakes !== undefined) mistakes.value = message.mistakes
}

/** Sends a request. @throws Error with the server's message. */
export async function post(address: string, body: Uint8Array<ArrayBuffer> | object | undefined): Promise<unknown> {
  const isBinary = body instanceof Uint8Array
  const response = await fetch(address, {
    method: 'POST',
    headers: body === undefined ? {} : { 'Content-Type': isBinary ? 'application/octet-stream' : 'application/json' },
    ...(body === undefined ? {} : { body: isBinary ? body : JSON.stringify(body) }),
  })
  const answer: unknown = await response.json()
  if (response.ok) return answer
  throw new Error((answer as RefusalMessage).message)
}

/** Does something, and shows the problem if there is one. */
async function attempt(work: Promise<unknown>): Promise<void> {
  try {
    await work
    problem.value = undefined
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error)
  }
}

export function startTraining(request: TrainingRequest): Promise<void> {
  return attempt(post('/api/training', request))
}

export function stopTraining(): Promise<void> {
  return attempt(post('/api/training/stop', undefined))
}

export function chooseModel(choice: ModelChoice): Promise<void> {
  return attempt(post('/api/model', { choice }))
}

/** Whether a training is under way. */
export function isTraining(view: TrainingView | undefined): boolean {
  return view !== undefined && ['starting', 'running', 'stopping'].includes(view.state)
}
