/** What one check of `doctor` found. */
export interface Check {
  /** What was checked, in a word or two: "libtorch". */
  readonly name: string
  /** `warning`: it works, but not as well as it could. */
  readonly status: 'ok' | 'warning' | 'failed'
  /** What was found, in one line. */
  readonly message: string
  /** What to do about it; only where something is wrong. */
  readonly remedy?: string
}

/** All is well. */
export function ok(name: string, message: string): Check {
  return { name, status: 'ok', message }
}

/** Something is broken. */
export function failed(name: string, message: string, remedy: string): Check {
  return { name, status: 'failed', message, remedy }
}

/** Something works, but not well. */
export function warning(name: string, message: string, remedy: string): Check {
  return { name, status: 'warning', message, remedy }
}
