/** Whether a node may extend its chain: `asking` its peers first, `appending`, or stopped because of a `forked` or `damaged` chain. */
export type AppendState = 'asking' | 'appending' | 'forked' | 'damaged'
