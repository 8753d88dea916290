/** How the text or YAML value of an option is read. Lists hold items of the named type. */
export type OptionType =
  | 'text'
  | 'path'
  | 'integer'
  | 'boolean'
  | 'choice'
  | 'address'
  | 'path-list'
  | 'text-list'
  | 'multiaddr-list'

/** One option of the agent: key in the file, flag, variable, check, help and reference page all come from this. */
export interface OptionSpec {
  readonly key: string
  readonly type: OptionType
  /** Undefined: the option is off unless given. */
  readonly default: string | number | boolean | readonly string[] | undefined
  /** Of a number, for help and reference. */
  readonly unit?: string
  /** Of an integer, both ends allowed. */
  readonly min?: number
  readonly max?: number
  /** Of a choice. */
  readonly choices?: readonly string[]
  /** Of a text, or of each in a list: what it must match, and the same for people. */
  readonly pattern?: RegExp
  readonly values?: string
  readonly description: string
}

/** What follows for peers of one role when the revocation list of their CA has run out. */
const STALENESS = {
  type: 'text',
  default: 'tolerated:30',
  pattern: /^(?:fresh|fail-closed|tolerated:(?:[1-9]\d{0,2}|[12]\d{3}|3[0-5]\d\d|36[0-4]\d|3650))$/,
  values: 'fresh, tolerated:DAYS with 1 to 3650 days, or fail-closed',
} as const

/** Every option, in the order of the reference page. */
export const OPTIONS = [
  {
    key: 'mesh.listen',
    type: 'multiaddr-list',
    default: ['/ip4/0.0.0.0/tcp/4701'],
    description: 'Addresses on which peers connect. An empty list: this node only dials.',
  },
  {
    key: 'mesh.bootstrap',
    type: 'multiaddr-list',
    default: [],
    description: 'Peers dialled at start and whenever the connection is lost, each ending in /p2p/<peer id>.',
  },
  {
    key: 'mesh.mdns',
    type: 'boolean',
    default: true,
    description: 'Find peers of the same mesh on the local network.',
  },
  {
    key: 'mesh.quic',
    type: 'boolean',
    default: false,
    description:
      'Connect over QUIC as well, for mesh.listen addresses such as /ip4/0.0.0.0/udp/4701/quic-v1. Who is admitted is decided as on TCP, but the encryption is classical: what passes can be recorded now and read once quantum computers exist.',
  },
  {
    key: 'mesh.dht',
    type: 'boolean',
    default: false,
    description:
      'Find peers beyond the local network by asking connected ones, and tell them of others (a DHT of this mesh alone). Whoever is found so is admitted like anybody else, or refused.',
  },
  {
    key: 'mesh.relay',
    type: 'boolean',
    default: false,
    description:
      'Be reached, and reach others, through peers that relay, where no direct connection is possible; a direct one takes its place when there is a way. Admission and encryption run from end to end: the relay can neither read nor change what passes.',
  },
  {
    key: 'mesh.relay_server',
    type: 'boolean',
    default: false,
    description:
      'Relay connections between peers that cannot reach each other. For nodes that all others can reach; only connected peers may use it.',
  },
  {
    key: 'gossip.max_peers',
    type: 'integer',
    min: 1,
    max: 1000,
    default: 50,
    unit: 'peers',
    description: 'Most connected peers.',
  },
  {
    key: 'ca.url',
    type: 'text',
    default: undefined,
    pattern: /^https:\/\/[^/?#@\s]+\/?$/,
    values: 'an https URL such as https://ca.example:8443',
    description:
      'Where the CA answers, for new certificates and revocation lists. Not set: where this node was enrolled.',
  },
  {
    key: 'crl.poll_minutes',
    type: 'integer',
    min: 1,
    max: 10_080,
    default: 60,
    unit: 'minutes',
    description: 'How often the CA is asked for revocation lists; peers bring them, too, as soon as they have them.',
  },
  {
    key: 'crl.staleness.node',
    ...STALENESS,
    description:
      'When the revocation list of its CA has run out, a peer is stale at once (fresh; it may carry records, not publish), after so many days (tolerated), or refused at once (fail-closed).',
  },
  {
    key: 'crl.staleness.validator',
    ...STALENESS,
    description: 'The same for peers with the role validator.',
  },
  {
    key: 'crl.staleness.operator',
    ...STALENESS,
    description: 'The same for operators: with fail-closed their directives are refused meanwhile.',
  },
  {
    key: 'bundles.routing',
    type: 'choice',
    choices: ['epidemic', 'spray-and-wait', 'direct', 'static'],
    default: 'epidemic',
    description:
      'Who gets a bundle that waits: every node that has not seen it (epidemic), a few that pass it on (spray-and-wait), its destination alone (direct), or whom bundles.routes names (static). Control bundles always go to everyone.',
  },
  {
    key: 'bundles.routes',
    type: 'text-list',
    default: [],
    pattern: /^(?:\*|[a-z0-9-]{1,63})=[a-z0-9-]{1,63}$/,
    values: 'a list of NODE=VIA, where NODE may be * for all others',
    description: 'With static routing: over which neighbour a node is reached. The destination itself is always taken.',
  },
  {
    key: 'bundles.max_mib',
    type: 'integer',
    min: 1,
    max: 1_048_576,
    default: 1024,
    unit: 'MiB',
    description: 'Most that waiting bundles take on disk. A twentieth of it is for control bundles alone.',
  },
  {
    key: 'bundles.max_count',
    type: 'integer',
    min: 1,
    max: 10_000_000,
    default: 100_000,
    unit: 'bundles',
    description: 'Most waiting bundles.',
  },
  {
    key: 'bundles.peer_percent',
    type: 'integer',
    min: 1,
    max: 100,
    default: 50,
    unit: 'per cent',
    description: 'How much of the queue bundles from one peer may take.',
  },
  {
    key: 'ingest.eve',
    type: 'path-list',
    default: [],
    description: 'Suricata EVE logs to follow: NDJSON, or files that hold one JSON array.',
  },
  {
    key: 'ingest.zeek',
    type: 'path-list',
    default: [],
    description: 'Zeek notice and weird logs to follow, JSON or TSV.',
  },
  {
    key: 'ingest.start',
    type: 'choice',
    choices: ['beginning', 'end'],
    default: 'beginning',
    description: 'Where a log that was never read begins; one that was continues where it stopped.',
  },
  {
    key: 'ingest.window_ms',
    type: 'integer',
    min: 0,
    max: 60_000,
    default: 250,
    unit: 'milliseconds',
    description: 'How long events are gathered into one signed record. 0: every event is handed over at once.',
  },
  {
    key: 'ingest.fold',
    type: 'boolean',
    default: true,
    description: 'Fold equal events (kind, rule, addresses) of one window into one with a count.',
  },
  {
    key: 'ingest.overload',
    type: 'choice',
    choices: ['wait', 'shed'],
    default: 'wait',
    description:
      'When events come faster than they can be signed: wait (the log keeps them, the node falls behind) or shed (drop the least severe, counted, and stay current). For files replayed from an archive use wait.',
  },
  {
    key: 'ingest.max_backlog',
    type: 'integer',
    min: 64,
    max: 1_000_000,
    default: 4096,
    unit: 'events',
    description: 'Events held in memory before ingest.overload applies.',
  },
  {
    key: 'ingest.expiry_hours',
    type: 'integer',
    min: 1,
    max: 43_800,
    default: 168,
    unit: 'hours',
    description: 'How long after reading an anomaly counts as current.',
  },
  {
    key: 'ledger.keep',
    type: 'choice',
    choices: ['own', 'all'],
    default: 'all',
    description: 'Whose ledger chains are stored: this node only its own, or those of the whole mesh.',
  },
  {
    key: 'storage.records.retention_days',
    type: 'integer',
    min: 1,
    max: 1825,
    default: 30,
    unit: 'days',
    description: 'Lifetime of the anomaly records this node signs; every node drops them afterwards.',
  },
  {
    key: 'keystore.passphrase_file',
    type: 'path',
    default: undefined,
    description: 'File that holds the passphrase of the keystore; GAPMESH_PASSPHRASE or a prompt otherwise.',
  },
  {
    key: 'keystore.key_file',
    type: 'path',
    default: undefined,
    description: 'File that holds a random key which unlocks the keystore instead of a passphrase.',
  },
  {
    key: 'metrics.listen',
    type: 'address',
    default: undefined,
    description: 'HOST:PORT of the Prometheus page /metrics. Not set: no page.',
  },
  {
    key: 'metrics.allow_remote',
    type: 'boolean',
    default: false,
    description: 'Allow metrics.listen on an address other hosts can reach. The page has no authentication.',
  },
  {
    key: 'log.level',
    type: 'choice',
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
    description: 'Least severe message that is written to standard error.',
  },
] as const satisfies readonly OptionSpec[]

type Spec = (typeof OPTIONS)[number]

type ValueOf<S> = S extends { type: 'integer' }
  ? number
  : S extends { type: 'boolean' }
    ? boolean
    : S extends { type: 'choice'; choices: readonly (infer Choice)[] }
      ? Choice
      : S extends { type: 'path-list' | 'text-list' | 'multiaddr-list' }
        ? readonly string[]
        : string

/** Keys of all options. */
export type OptionKey = Spec['key']

/** The agent's configuration by key: every option has its value, those without default may be undefined. */
export type AgentConfig = {
  readonly [S in Spec as S['key']]: ValueOf<S> | (S['default'] extends undefined ? undefined : never)
}

/** Flags that are typed often. */
const SHORT_FLAGS: Readonly<Record<string, string>> = { 'ingest.eve': '--eve', 'ingest.zeek': '--zeek' }

/** The flag of an option: `gossip.max_peers` is `--gossip-max-peers`; the inputs are `--eve` and `--zeek`. */
export function flagOf(key: string): string {
  return SHORT_FLAGS[key] ?? `--${key.replaceAll(/[._]/g, '-')}`
}

/** The environment variable of an option: `gossip.max_peers` is `GAPMESH_GOSSIP_MAX_PEERS`. */
export function variableOf(key: string): string {
  return `GAPMESH_${key.replaceAll('.', '_').toUpperCase()}`
}

/** True for an option that takes several values. */
export function isList(spec: OptionSpec): boolean {
  return spec.type.endsWith('-list')
}

/** What values an option takes, for people: `1 to 1000 peers`, `edge, validator or both`. */
export function describeValues(spec: OptionSpec): string {
  switch (spec.type) {
    case 'integer':
      return `${spec.min} to ${spec.max} ${spec.unit}`
    case 'boolean':
      return 'true or false'
    case 'choice':
      return `${spec.choices?.slice(0, -1).join(', ')} or ${spec.choices?.at(-1)}`
    case 'address':
      return 'HOST:PORT'
    case 'multiaddr-list':
      return 'a list of multiaddrs such as /ip4/192.0.2.1/tcp/4701'
    case 'path-list':
      return 'a list of paths'
    case 'path':
      return 'a path'
    default:
      return spec.values ?? 'text'
  }
}
