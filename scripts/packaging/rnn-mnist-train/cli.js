#!/usr/bin/env node
'use strict'
const { dirname, join } = require('node:path')

// Runs the file that torch-rnn-mnist names as its command. Found by its path, because that package exports only the library.
const manifest = require.resolve('torch-rnn-mnist/package.json')
require(join(dirname(manifest), require(manifest).bin['rnn-mnist-train']))
