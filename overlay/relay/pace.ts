import type { Stream } from '@libp2p/interface'

/**
 * Gives the two streams of a circuit the back pressure that the library's relay lacks: it reads one end as fast as it
 * can, into a queue without an end, whatever the other takes.
 */
export function pace(one: Stream, other: Stream): void {
  hold(one, other)
  hold(other, one)
}

/** Stops reading `source` while `sink` takes no more. The queue in between holds what one window brought. */
function hold(source: Stream, sink: Stream): void {
  const send = sink.send.bind(sink)
  sink.send = (data) => {
    const more = send(data)
    if (!more && source.readStatus === 'readable') source.pause()
    return more
  }
  sink.addEventListener('drain', () => {
    if (source.readStatus === 'paused') source.resume()
  })
}
