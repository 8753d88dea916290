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
  readonly #pem = new WeakMap<Uint8Array, string>()

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
    return reply.type(FORMS[form]).send(form === 'der' ? Buffer.from(list.der) : this.#pemOf(list.der))
  }

  async #find(kind: 'full' | 'delta', query: unknown): Promise<PublishedList | undefined> {
    const { authority } = query as { authority?: unknown }
    const all = await this.#ca.lists()
    const lists =
      authority === undefined ? all[0] : all.find(({ authorityKeyId }) => toHex(authorityKeyId) === authority)
    return lists?.[kind]
  }

  #pemOf(der: Uint8Array): string {
    const known = this.#pem.get(der)
    if (known !== undefined) return known
    const pem = encodePem('X509 CRL', der)
    this.#pem.set(der, pem)
    return pem
  }
}

/** PEM where the client asks for it and not as much for DER (RFC 9110 §12.5.1); DER for everybody else. */
function preferredForm(accept: string | undefined): Form {
  const wishes = (accept ?? '').split(',').map(wish)
  const best = (form: Form) =>
    Math.max(0, ...wishes.filter(({ type }) => type === FORMS[form]).map(({ quality }) => quality))
  return best('pem') > best('der') ? 'pem' : 'der'
}

function wish(text: string): { type: string; quality: number } {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  const quality = weight === undefined ? 1 : Number(weight.slice(2))
  return { type, quality: Number.isFinite(quality) ? quality : 0 }
}

/** Whether If-None-Match names the entity tag (RFC 9110 §13.1.2: compared weakly). */
function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((one) => ['*', etag, `W/${etag}`].includes(one.trim()))
}
