import { defineErrors } from '../core/index.ts'

/** Errors of the agent: ingest, configuration, control socket, command line, metrics. */
export const AGENT_ERRORS = defineErrors('agent', {
  AGENT_LINE_TOO_LONG: { message: 'the sensor line is longer than its cap' },
  AGENT_LINE_NOT_UTF8: { message: 'the sensor line is not UTF-8' },
  AGENT_LINE_NOT_JSON: { message: 'the sensor line is not a JSON object' },
  AGENT_LINE_TOO_DEEP: { message: 'the JSON of the sensor line is nested too deeply' },
  AGENT_LINE_FIELD: { message: 'a field of the sensor event is missing or malformed' },
  AGENT_LINE_COLUMNS: { message: 'the Zeek line does not have the columns that its header names' },
  AGENT_LINE_HEADER: { message: 'the Zeek header line is malformed' },

  AGENT_INPUT_COMPRESSED: {
    message: 'the input file is compressed',
    hint: 'Compressed logs are not followed: unpack the file, or name the live log.',
  },
  AGENT_INPUT_NOT_FILE: {
    message: 'the input is not a regular file',
    hint: 'Name a log file, not a directory or pipe.',
  },
  AGENT_INPUT_READ: {
    message: 'the input file cannot be read',
    hint: 'Can the user that runs gapmesh read it, and search its directory?',
  },
  AGENT_INPUT_POSITION: { message: 'the stored read position is malformed' },

  AGENT_CONFIG_READ: {
    message: 'the configuration file cannot be read',
    hint: 'Is the path right, is it a file, and may this user read it?',
  },
  AGENT_CONFIG_TOO_LARGE: { message: 'the configuration file is larger than its cap' },
  AGENT_CONFIG_YAML: { message: 'the configuration file is not valid YAML' },
  AGENT_CONFIG_ENV: {
    message: 'a variable named in the configuration is not set',
    hint: 'Set it in the environment, or write $${NAME} for the literal text.',
  },
  AGENT_CONFIG_UNKNOWN_KEY: {
    message: 'unknown configuration key',
    hint: 'All keys: docs/configuration.md, or gapmesh run --help',
  },
  AGENT_CONFIG_VALUE: {
    message: 'a configuration value is not allowed',
    hint: 'Every key and what it takes: docs/configuration.md',
  },

  AGENT_BUNDLE_INPUT: {
    message: 'the input is neither a bundle nor hexadecimal digits of one',
    hint: 'Name a file, write the digits, or write - and pipe it in.',
  },
  AGENT_BUNDLE_JSON: {
    message: 'the JSON document does not describe a bundle',
    hint: 'Write it as gapmesh bundle decode --json prints it.',
  },
  AGENT_BUNDLE_OPTIONS: {
    message: 'the options do not make a bundle',
    hint: 'Add --help to the command to see what it takes.',
  },

  AGENT_CONTROL_NOT_RUNNING: {
    message: 'no agent is running in this home',
    hint: 'Start it with: gapmesh run --home DIR',
  },
  AGENT_CONTROL_DENIED: {
    message: 'this user may not talk to the agent of this home',
    hint: 'Run the command as the user that runs the agent.',
  },
  AGENT_CONTROL_IN_USE: {
    message: 'an agent is already running in this home',
    hint: 'Look at it with: gapmesh status --home DIR',
  },
  AGENT_CONTROL_PATH: {
    message: "the path of the control socket is longer than the system's limit",
    hint: 'Use a shorter --home; a Unix socket path holds 107 bytes on Linux.',
  },
  AGENT_CONTROL_LISTEN: {
    message: 'the control socket cannot be opened',
    hint: 'May this user write to the home, and does its file system know sockets?',
  },
  AGENT_CONTROL_TIMEOUT: {
    message: 'the agent did not answer in time',
    hint: 'Try again. If it goes on so, look at the load of the machine and at the log of the agent.',
  },
  AGENT_CONTROL_CLOSED: { message: 'the agent closed the connection before it answered' },
  AGENT_CONTROL_MESSAGE: { message: 'the message on the control socket is malformed' },
  AGENT_CONTROL_PARAMETER: { message: 'the request is not allowed' },
  AGENT_CONTROL_TOO_LARGE: { message: 'the message on the control socket is larger than its cap' },
  AGENT_CONTROL_METHOD: {
    message: 'the agent does not know this request',
    hint: 'Agent and command may be of different versions: compare gapmesh status and gapmesh --version.',
  },
  AGENT_CONTROL_INTERNAL: {
    message: 'the agent failed on this request',
    hint: 'The agent wrote the cause to its log.',
  },

  AGENT_CONTROL_TOO_SLOW: {
    message: 'more records arrived than this command could take',
    hint: 'Narrow it, for instance with --min-severity high.',
  },

  AGENT_RECORD_UNKNOWN: {
    message: 'this node holds no such record',
    hint: 'gapmesh record list shows the ids of those it holds.',
  },
  AGENT_RECORD_AMBIGUOUS: {
    message: 'the ids of several records begin so',
    hint: 'Give more digits of the id.',
  },

  AGENT_BUNDLE_UNKNOWN: {
    message: 'no such bundle waits on this node',
    hint: 'gapmesh bundle list shows the ids of those that do.',
  },
  AGENT_BUNDLE_AMBIGUOUS: {
    message: 'the ids of several bundles begin so',
    hint: 'Give more digits of the id.',
  },
  AGENT_BUNDLE_TOO_LARGE: {
    message: 'the payload is longer than one bundle may be',
    hint: 'Split it into parts of at most 1 MiB.',
  },

  AGENT_HOME_NOT_ENROLLED: {
    message: 'this home has no node identity',
    hint: 'Enrol the node with: gapmesh node enroll --home DIR',
  },
  AGENT_HOME_OTHER_IDENTITY: {
    message: 'this home holds the identity of another node or mesh',
    hint: 'Nothing was changed. Enrol with another --home, or move this one away.',
  },
  AGENT_HOME_BROKEN: {
    message: 'the node identity in this home is incomplete',
    hint: 'Run: gapmesh doctor --home DIR',
  },

  AGENT_CLI_USAGE: { message: 'the command line is not understood' },
  AGENT_CLI_INTERNAL: {
    message: 'gapmesh failed unexpectedly',
    hint: 'This is a defect. Run again with GAPMESH_DEBUG=1 and report what it prints.',
  },
  AGENT_CLI_SYSTEM: {
    message: 'the system refused',
    hint: 'Is the path right? Look at its owner and permissions, and at the free space of the disk.',
  },
  AGENT_CLI_SECRET_NONE: {
    message: 'a passphrase is needed and there is no terminal to ask on',
    hint: 'Give --passphrase-file FILE or set GAPMESH_PASSPHRASE.',
  },
  AGENT_CLI_TOKEN_NONE: {
    message: 'an enrolment token is needed and there is no terminal to ask on',
    hint: 'Give --token-file FILE or set GAPMESH_TOKEN.',
  },
  AGENT_CLI_SECRET_EMPTY: {
    message: 'the passphrase or token is empty',
    hint: 'Of a file, the first line counts; of a variable, all of it.',
  },
  AGENT_CLI_SECRET_MISMATCH: {
    message: 'the two passphrases differ',
    hint: 'Nothing was made. Give the command again.',
  },
  AGENT_CLI_SECRET_FILE: {
    message: 'the file of the passphrase or token cannot be read',
    hint: 'Is the path right, is it a file, and may this user read it?',
  },
  AGENT_CLI_SECRET_LENGTH: { message: 'the passphrase or token is longer than its cap' },
  AGENT_CLI_INTERRUPTED: { message: 'interrupted' },

  AGENT_CA_NOT_REMOTE: {
    message: 'this cannot be done over HTTPS',
    hint: 'Run it where the CA is, with --home and without --url.',
  },
  AGENT_CA_OPERATOR_NONE: {
    message: 'over HTTPS the CA takes instructions from operators only',
    hint: 'Give --url URL and --operator DIR; the directory comes from: gapmesh ca operator add',
  },
  AGENT_OPERATOR_HOME: {
    message: "the operator's directory is missing, incomplete or damaged",
    hint: 'Make one at the CA with: gapmesh ca operator add --name NAME --to DIR',
  },
  AGENT_CRL_NONE: {
    message: 'there is no such revocation list here',
    hint: 'gapmesh crl status shows those that are.',
  },
  AGENT_FILE_TOO_LARGE: {
    message: 'the file is larger than what it can be',
    hint: 'Is it the file that was meant?',
  },
  AGENT_FILE_READ: {
    message: 'the file cannot be read',
    hint: 'Is the path right, is it a file, and may this user read it?',
  },
  AGENT_POLICY_FILE: {
    message: 'the file is not a policy in JSON',
    hint: 'Begin with: gapmesh ca policy show --json',
  },

  AGENT_DEMO_INPUT: {
    message: 'the log for the demo cannot be used',
    hint: 'Name a Suricata EVE log, or a Zeek notice or weird log, with at least one alert in it.',
  },
  AGENT_DEMO_PROCESS: {
    message: 'a process of the demo ended early',
    hint: 'Run again with --keep DIR and look at the homes in it.',
  },
  AGENT_DEMO_TIMEOUT: {
    message: 'a step of the demo took too long',
    hint: 'Run again with --keep DIR, then: gapmesh doctor --home DIR/node-1 --key-file DIR/node-1.key',
  },

  AGENT_RECORD_MISPLACED: { message: 'the record came on the topic of another type', action: 'reject' },
  AGENT_CERTIFICATE_ENDED: {
    message: 'the certificate of this node has ended: what it signs now, no peer accepts',
    hint: 'It is renewed as soon as the CA answers; gapmesh status says what is in the way. Or is the clock ahead?',
  },
  AGENT_CLOCK_BEHIND: {
    message: "the time is before the beginning of this node's certificate",
    hint: 'Set the clock, or vouch for the time with: gapmesh node time confirm. The logs are read on from where they were.',
  },
  AGENT_CERTIFICATE_FOREIGN: { message: 'the node announced the certificate of another one', action: 'reject' },
  AGENT_CERTIFICATE_STALE: { message: 'the CA gave a certificate that is no later than the one in use' },
  AGENT_CA_UNKNOWN: {
    message: 'this node does not know where its CA answers',
    hint: 'Set ca.url to the address of gapmesh ca serve, such as https://ca.example:8443',
  },
  AGENT_DIRECTIVE_STALE: {
    message: 'directives are refused while the revocation list of the operator’s CA is too old',
    hint: 'Import a current list: gapmesh crl import FILE. The policy is crl.staleness.operator.',
    action: 'ignore',
  },
  AGENT_NODE_UNKNOWN: {
    message: 'the agent knows no such node',
    hint: 'gapmesh node list shows those it knows. By serial number: gapmesh ca revoke',
  },
  AGENT_LIST_ISSUER_REVOKED: { message: 'the CA that signed the revocation list is revoked', action: 'ignore' },
  AGENT_NODE_NOT_APPENDING: {
    message: 'this node may not extend its chain',
    hint: 'gapmesh status tells why; what to do is in docs/operations/node.md.',
  },

  AGENT_METRICS_ADDRESS: {
    message: 'metrics are served on a loopback address only',
    hint: 'Listen on 127.0.0.1 or [::1], or set metrics.allow_remote to true.',
  },
  AGENT_METRICS_LISTEN: {
    message: 'the metrics page cannot be served on this address',
    hint: 'Is the port in use, or the address not one of this machine?',
  },
})
