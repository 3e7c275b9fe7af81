#!/usr/bin/env node
/** The program's entry. `--version` alone is answered here, so that it need not wait until all commands are loaded. */
import { PACKAGE_VERSION } from '../version'
import { watchOutput } from './interruption'

const args = process.argv.slice(2)
watchOutput()
if (args.length === 1 && args[0] === '--version') {
  process.stdout.write(`${PACKAGE_VERSION}\n`)
} else {
  const { runProgram } = require('./program') as typeof import('./program')
  void runProgram(args)
}
