import type { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LOCAL_ACTOR } from '../audit.ts'
import { MAX_POLICY_REQUEST_BYTES, MAX_REQUEST_BYTES } from '../limits.ts'
import type { MeshCa } from '../store/index.ts'
import { Callers } from './callers.ts'
import type { Call, Operations } from './operations.ts'
import { ROUTES, type Route } from './routes.ts'

/** Routes on which the CA judges the certificate together with the request. */
const JUDGED_BY_CA: readonly Route['operation'][] = ['rotate', 'rotateOperator']

/** Puts the routes of the API on `app`, each with its operation and with the callers that it is for. */
export function addRoutes(app: FastifyInstance, ca: MeshCa, operations: Operations): void {
  const callers = new Callers(ca)
  const identified = new WeakMap<FastifyRequest, Pick<Call, 'presented' | 'actor'>>()
  const stranger = { presented: [], actor: LOCAL_ACTOR }
  for (const route of ROUTES) {
    const { method, operation, auth } = route
    app.route({
      // What GET answers, HEAD does without the body (RFC 9110 §9.1).
      method: method === 'GET' ? ['GET', 'HEAD'] : method,
      url: route.path.replace('{id}', ':id'),
      bodyLimit: operation === 'setPolicy' ? MAX_POLICY_REQUEST_BYTES : MAX_REQUEST_BYTES,
      // Before the body is read: strangers do not get that far.
      onRequest: async (request) => {
        if (auth !== 'node' && auth !== 'operator') return
        const socket = request.raw.socket as TLSSocket
        const presented = callers.presented(socket)
        const actor = JUDGED_BY_CA.includes(operation) ? LOCAL_ACTOR : await callers.identify(socket, auth)
        identified.set(request, { presented, actor })
      },
      handler: async (request, reply) => {
        const caller = identified.get(request) ?? stranger
        if (operation !== 'fetchList' && operation !== 'fetchDelta') reply.header('cache-control', 'no-store')
        const body = await operations[operation]({ request, reply, ...caller }).catch(async (error) => {
          const member = auth === 'node' || auth === 'operator'
          throw member ? await callers.explain(error, caller.presented, auth) : error
        })
        return body === undefined ? reply.code(204).send() : body
      },
    })
  }
}
