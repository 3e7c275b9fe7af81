/** Which package this is, and where. */
import { dirname } from 'node:path'

/** The folder of this package: lib/ and dist/ lie equally deep in it. In a bundle, it is another one (host/bundle.ts refuses that). */
export const PACKAGE_ROOT = typeof __dirname === 'undefined' ? '' : dirname(__dirname)

const manifest = require('../package.json') as { version: string; engines: { node: string } }

/** The version of this package. */
export const PACKAGE_VERSION = manifest.version

/** The oldest Node that it runs on: "20.19". */
export const NODE_FLOOR = manifest.engines.node.replace('>=', '')
