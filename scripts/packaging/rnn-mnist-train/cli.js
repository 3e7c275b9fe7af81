#!/usr/bin/env node
'use strict'
const { dirname, join } = require('node:path')

// The file that torch-rnn-mnist names as its command; by its path, for its exports name only the library.
const manifest = require.resolve('torch-rnn-mnist/package.json')
require(join(dirname(manifest), require(manifest).bin['rnn-mnist-train']))
