import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, toHex } from '../../core/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_LIST_AGE_SECONDS } from '../limits.ts'
import { encodePem } from '../pem.ts'
import type { MeshCa, PublishedList } from '../store/index.ts'

/** Forms in which a revocation list is served. */
const FORMS = { der: 'application/pkix-crl', pem: 'application/x-pem-file' } as const

type Form = keyof typeof FORMS

/** Serves revocation lists over HTTP (RFC 2585 §4.2), in DER or PEM, with what caches need. */
export class ListAnswers {
  readonly #ca: MeshCa
  readonly #clock: Clock
  /** By list, so that it is coded once and not for everybody who asks. */
  readonly #pem = new WeakMap<Uint8Array, Uint8Array>()

  constructor(ca: MeshCa, { clock }: { clock: Clock }) {
    this.#ca = ca
    this.#clock = clock
  }

  /** @throws ENROLLMENT_NOT_FOUND */
  async send(kind: 'full' | 'delta', request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const list = await this.#find(kind, request.query)
    if (list === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_NOT_FOUND')
    const form = preferredForm(request.headers.accept)
    const etag = `"${list.etag}${form === 'pem' ? '-pem' : ''}"`
    const restMs = list.nextUpdateMs - this.#clock.now()
    const maxAge = Math.max(0, Math.min(MAX_LIST_AGE_SECONDS, Math.floor(restMs / 1000)))
    reply.headers({
      etag,
      vary: 'accept',
      'cache-control': `public, max-age=${maxAge}`,
      'last-modified': new Date(list.thisUpdateMs).toUTCString(),
    })
    if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
    const bytes = form === 'der' ? list.der : this.#pemOf(list.der)
    reply.type(FORMS[form]).header('content-length', bytes.length)
    return reply.send(Readable.from(chunksOf(bytes), { objectMode: false }))
  }

  async #find(kind: 'full' | 'delta', query: unknown): Promise<PublishedList | undefined> {
    const { authority } = query as { authority?: unknown }
    const all = await this.#ca.lists()
    const lists =
      authority === undefined ? all[0] : all.find(({ authorityKeyId }) => toHex(authorityKeyId) === authority)
    return lists?.[kind]
  }

  #pemOf(der: Uint8Array): Uint8Array {
    const known = this.#pem.get(der)
    if (known !== undefined) return known
    const pem = Buffer.from(encodePem('X509 CRL', der))
    this.#pem.set(der, pem)
    return pem
  }
}

const PIECE_BYTES = 64 * 1024

/** Given out as fast as they are read: TLS would make a copy of all that it is given at once, for every slow reader. */
function* chunksOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}

/** PEM where the client would have it rather than DER (RFC 9110 §12.5.1); DER for everybody else. */
function preferredForm(accept: string | undefined): Form {
  const wishes = new Map((accept ?? '').split(',').map(wish))
  const quality = (form: Form) => {
    const range = [FORMS[form], 'application/*', '*/*'].find((type) => wishes.has(type))
    return range === undefined ? 0 : (wishes.get(range) ?? 0)
  }
  return quality('pem') > quality('der') ? 'pem' : 'der'
}

/** A weight as RFC 9110 §12.4.2 writes it. */
const WEIGHT = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

function wish(text: string): [type: string, quality: number] {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  return [type, weight === undefined ? 1 : Number(WEIGHT.exec(weight)?.[1] ?? 0)]
}

/** Whether If-None-Match names the entity tag (RFC 9110 §13.1.2: compared weakly). */
function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((one) => ['*', etag, `W/${etag}`].includes(one.trim()))
}
