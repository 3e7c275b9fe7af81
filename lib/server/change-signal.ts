/** Tells those who wait that something has changed. It keeps no messages: whoever is slow finds the state as it is then. */
export class ChangeSignal {
  #count = 0
  readonly #waiting = new Set<() => void>()

  /** How often something has changed. */
  get count(): number {
    return this.#count
  }

  change(): void {
    this.#count += 1
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  /** Resolves once something has changed since `count`, after the time, or at the abort, whichever is first. Never rejects. */
  async changed(count: number, milliseconds: number, signal: AbortSignal): Promise<void> {
    if (this.#count !== count || signal.aborted) return
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, milliseconds)
      signal.addEventListener('abort', wake)
      this.#waiting.add(wake)
    })
  }
}
