/** Which package this is, and where. */
import { dirname } from 'node:path'

/** The folder of this package: lib/ and dist/ lie equally deep in it. */
export const PACKAGE_ROOT = dirname(__dirname)

/** The version of this package. */
export const PACKAGE_VERSION: string = (require('../package.json') as { version: string }).version
