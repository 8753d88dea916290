import { describeValues, flagOf, isList, OPTIONS, type OptionSpec, variableOf } from './options.ts'

const INTRODUCTION = `# Configuration

Generated from \`agent/config/options.ts\`: change it there.

An option is taken from its flag, else from its environment variable, else from the file, else it has its default.
The file is \`config.yaml\` in the node's home, or the one named with \`--config\`. Keys nest at the dots:

\`\`\`yaml
node:
  role: edge
mesh:
  bootstrap:
    - /dns4/relay.example/tcp/4701/p2p/\${RELAY_PEER_ID}
ingest:
  eve: [/var/log/suricata/eve.json]
\`\`\`

\`\${NAME}\` in a value is replaced by that environment variable, which must be set; \`$\${NAME}\` is the literal text.
Inside brackets such a value is quoted: \`["\${NAME}"]\`.
Unknown keys are refused. Relative paths start at the file's directory, in flags and variables at the working
directory. A list is given by repeating its flag, or separated by commas in its variable.
`

/** The text of docs/configuration.md. */
export function configurationReference(): string {
  return `${INTRODUCTION}\n${OPTIONS.map(section).join('\n')}`
}

function section(spec: OptionSpec): string {
  return `## ${spec.key}

${spec.description}

| | |
|---|---|
| value | ${describeValues(spec)} |
| default | ${defaultText(spec)} |
| flag | \`${flagOf(spec.key)}\`${isList(spec) ? ', repeatable' : ''} |
| variable | \`${variableOf(spec.key)}\` |
`
}

function defaultText(spec: OptionSpec): string {
  if (spec.default === undefined) return 'none'
  if (Array.isArray(spec.default)) return spec.default.length === 0 ? 'an empty list' : `\`${spec.default.join(', ')}\``
  return `\`${spec.default}\``
}
