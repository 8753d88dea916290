'use strict'
// The pinned Node comes from the npm package `node`, whose install script fetches it; without that script the
// machine's own Node would run silently.
var major = Number(process.versions.node.split('.')[0])
if (major < 26) {
  process.stderr.write(
    'Node.js 26 is pinned by the dev dependency "node", but ' +
      process.version +
      ' is running. Run: npm ci (without --ignore-scripts)\n',
  )
  process.exit(1)
}
