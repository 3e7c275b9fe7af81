/** What the classes of data sets and models are called, in texts. */
/** A class as a text: its name, or its number where it has none. The one place that decides it. */
export function nameOfClass(label: number, classNames?: readonly string[]): string {
  return String(classNames?.[label] ?? label)
}

/** The longest name in a table. */
const MAX_SHOWN_NAME = 16

/** A class in a table: its number, and its name where that says more: "3 Dress". */
export function numberAndName(label: number, name: string | undefined): string {
  if (name === undefined || name === String(label)) return String(label)
  const characters = Array.from(name)
  return `${label} ${characters.length > MAX_SHOWN_NAME ? `${characters.slice(0, MAX_SHOWN_NAME - 1).join('')}…` : name}`
}
