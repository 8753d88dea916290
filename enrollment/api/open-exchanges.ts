import type { ServerResponse } from 'node:http'
import type { Server } from 'node:https'
import type { Socket } from 'node:net'

/** Follows the requests of each connection until both they and their answers are over. */
export class OpenExchanges {
  readonly #open = new WeakMap<Socket, Set<ServerResponse>>()

  /** Follows every request that reaches `server`. */
  follow(server: Server): void {
    server.on('request', ({ socket }, response) => {
      const open = this.#open.get(socket) ?? new Set()
      this.#open.set(socket, open.add(response))
      response.once('close', () => {
        // An answer that came before its request was in stays: what follows may still be that request.
        if (response.req.complete) open.delete(response)
      })
    })
  }

  /**
   * Whether an answer that is written past the server would be taken for that to what was read last: no earlier request waits
   * for its own, and none has begun.
   */
  mayAnswer(socket: Socket): boolean {
    return [...(this.#open.get(socket) ?? [])].every(({ req, headersSent }) => !req.complete && !headersSent)
  }
}
