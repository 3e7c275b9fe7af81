/** Compares versions such as "2.28" and "3.18.4": semver wants three numbers. */

/** Whether a version is below another, number by number. */
export function isOlder(version, other) {
  return version.localeCompare(other, 'en', { numeric: true }) < 0
}
