/** Why a request is not answered. */
export type Refusal = 'busy' | 'malformed' | 'failed'

/** What may stand in the place of any answer. */
export interface RefusalAnswer {
  readonly kind: 'refusal'
  readonly reason: Refusal
}

/** Wire number of a refusal, in the place of the request's. */
export const REFUSAL = 0

/** Wire numbers of the reasons. Append-only. */
export const REFUSAL_REASON = { busy: 1, malformed: 2, failed: 3 } as const

/** A request or an answer of some protocol; an answer has the kind of its request. */
export interface Message {
  readonly kind: string
}

/** The answer that fits a request. */
export type AnswerTo<Request extends Message, Answer extends Message> = Extract<Answer, { kind: Request['kind'] }>

/** The reason with this wire number; undefined when there is none. */
export function reasonOf(number: unknown): Refusal | undefined {
  return (Object.keys(REFUSAL_REASON) as Refusal[]).find((reason) => REFUSAL_REASON[reason] === number)
}
