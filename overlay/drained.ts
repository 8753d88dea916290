import type { MessageStream, StreamCloseEvent } from '@libp2p/interface'

/**
 * Resolves when `stream` takes bytes again, after `send()` has answered false. libp2p's own `onDrain()` waits only the first
 * time: its promise stays resolved.
 * @throws the error the stream closed with
 */
export function drained(stream: MessageStream): Promise<void> {
  if (!stream.writableNeedsDrain) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const settle = () => {
      stream.removeEventListener('drain', onDrain)
      stream.removeEventListener('close', onClose)
    }
    const onDrain = () => {
      settle()
      resolve()
    }
    const onClose = (event: StreamCloseEvent) => {
      settle()
      reject(event.error ?? new Error('the stream closed'))
    }
    stream.addEventListener('drain', onDrain)
    stream.addEventListener('close', onClose)
  })
}
