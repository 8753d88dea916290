#!/usr/bin/env node
'use strict'
// Readable by any old Node: says in one line what is missing instead of failing on newer syntax.
var fs = require('fs')
var path = require('path')
var url = require('url')

var MIN_NODE = 26
var MIN_OPENSSL = [3, 5]

function older(found, wanted) {
  return found[0] !== wanted[0] ? found[0] < wanted[0] : found[1] < wanted[1]
}

function missing() {
  var node = Number(process.versions.node.split('.')[0])
  if (node < MIN_NODE) {
    return 'gapmesh needs Node.js ' + MIN_NODE + ' or newer; this is ' + process.version + '.'
  }
  var openssl = process.versions.openssl.split('.').map(Number)
  if (older(openssl, MIN_OPENSSL)) {
    return (
      'gapmesh needs OpenSSL ' + MIN_OPENSSL.join('.') + ' or newer; this Node.js has ' + process.versions.openssl + '.'
    )
  }
}

var problem = missing()
if (problem) {
  process.stderr.write(problem + '\n')
  process.exit(1)
}
var source = path.join(__dirname, '..', 'agent', 'main.ts')
var built = path.join(__dirname, '..', 'dist', 'agent', 'main.js')
import(url.pathToFileURL(fs.existsSync(source) ? source : built).href).catch((error) => {
  process.stderr.write(String((error && error.stack) || error) + '\n')
  process.exit(1)
})
