/**
 * The composition root: everything below is wired here and nowhere else.
 *
 * `node/` puts a mesh node together from all rooms; `ingest/` reads the sensor's logs; `config/` reads the settings;
 * `control/` is the socket through which commands talk to a running node; `cli/` is the command line and `actions/` what
 * its commands do; `metrics/` is the Prometheus page; `demo/` shows it all on one machine.
 */
export { type NodeHome, type NodeIdentity, nodeHome, readIdentity, writeIdentity } from './node/home.ts'
export { type NodeDependencies, type NodeOptions, type RunningNode, startNode } from './node/node.ts'
