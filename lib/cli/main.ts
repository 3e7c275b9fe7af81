#!/usr/bin/env node
/** Where the command line begins. All commands are in program.ts, which is loaded only where more than the version is asked for. */
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
