import type { FastifyReply } from 'fastify'
import { type ProblemStatus, problemOf } from './problems.ts'

/** Answers with the problem document of a status. */
export function sendProblem(reply: FastifyReply, status: ProblemStatus): FastifyReply {
  if (status === 429) reply.header('retry-after', '60')
  return reply.code(status).type('application/problem+json').send(problemOf(status))
}
