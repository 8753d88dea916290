// Enrolments per second of one CA process, beside the signatures and the synced write that each of them must cost.
import { type ChildProcess, fork } from 'node:child_process'
import { sign, verify } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type RequestOptions, request } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { systemRandom, toHex } from '../core/index.ts'
import { type Database, openDatabase } from '../core/store/index.ts'
import { createNativeProvider, type SignatureProvider, type SoftwareSigningKey } from '../crypto/index.ts'
import { buildCsr, encodePem } from '../enrollment/index.ts'
import { type Benchmark, type BenchRow, byTurns, inParallel, inTemporaryDirectory, row, timeMs } from './harness.ts'

const ENROLMENTS_PER_TURN = 100
const ROUNDS = 6

/** Enrolments under way at once. */
const IN_FLIGHT = 8

/** What an enrolment leaves on disk: certificate, token, redemption, name, serial and key, audit. */
const STORED_BYTES = 10_000

interface Floor {
  readonly provider: SignatureProvider
  readonly database: Database
  readonly keys: Readonly<Record<'identity' | 'device' | 'overlay' | 'main' | 'alternative', SoftwareSigningKey>>
  readonly signatures: Readonly<Record<'identity' | 'device' | 'overlay', Uint8Array>>
}

/** How clients connect, to the CA and to the bare server alike. */
const CLIENT = {
  rejectUnauthorized: false,
  ca: [] as string[],
  minVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_256_GCM_SHA384',
  ecdhCurve: 'SecP384r1MLKEM1024',
  sigalgs: 'mldsa87',
} as const

const MESSAGE = new Uint8Array(7000)

async function makeFloor(directory: string): Promise<Floor> {
  const provider = createNativeProvider()
  const [identity, main] = [await provider.generate('ml-dsa-87'), await provider.generate('ml-dsa-87')]
  const [device, overlay] = [await provider.generate('ed25519'), await provider.generate('ed25519')]
  const keys = { identity, device, overlay, main, alternative: await provider.generate('ecdsa-p384') }
  const signatures = {
    identity: await identity.sign(MESSAGE),
    device: await device.sign(MESSAGE),
    overlay: await overlay.sign(MESSAGE),
  }
  return { provider, keys, signatures, database: await openDatabase(join(directory, 'floor')) }
}

function rawVerify({ keys, signatures }: Floor, name: 'identity' | 'device' | 'overlay'): Promise<unknown> {
  return new Promise((resolve) => {
    verify(null, MESSAGE, keys[name].publicKey.keyObject, signatures[name], (_, valid) => resolve(valid))
  })
}

function rawSign({ keys }: Floor, name: 'main' | 'alternative'): Promise<unknown> {
  return new Promise((resolve) => {
    sign(name === 'main' ? null : 'sha384', MESSAGE, keys[name].keyObject, (_, signature) => resolve(signature))
  })
}

/** Three proofs verified, two signatures made, one synced write that shares its fsync with those that wait. */
async function enrolAlone(floor: Floor): Promise<void> {
  for (const name of ['identity', 'device', 'overlay'] as const) await rawVerify(floor, name)
  for (const name of ['alternative', 'main'] as const) await rawSign(floor, name)
  const random = systemRandom()
  const room = floor.database.room(0x57)
  await floor.database.commit([room.put(random.bytes(20), random.bytes(STORED_BYTES))])
}

/** A CA in a process of its own. */
class CaProcess {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(directory: string): Promise<{ ca: CaProcess; url: URL; barePort: number }> {
    const child = fork(new URL('./ca-child.ts', import.meta.url), [directory])
    const [{ url, barePort }] = (await once(child, 'message')) as [{ url: string; barePort: number }]
    return { ca: new CaProcess(child), url: new URL(url), barePort }
  }

  /** Tokens for one node each. */
  async tokens(count: number): Promise<readonly string[]> {
    const answered = once(this.#child, 'message')
    this.#child.send(count)
    const [{ tokens }] = (await answered) as [{ tokens: string[] }]
    return tokens
  }

  async end(): Promise<void> {
    const closed = once(this.#child, 'exit')
    this.#child.disconnect()
    await closed
  }
}

/** Bodies of requests by nodes that never enrolled, each with its own token. */
async function makeRequests(ca: CaProcess, provider: SignatureProvider): Promise<string[]> {
  const tokens = await ca.tokens(ENROLMENTS_PER_TURN)
  const requests: string[] = []
  await inParallel(ENROLMENTS_PER_TURN, IN_FLIGHT, async (at) => {
    const csr = await buildCsr({
      identityKey: await provider.generate('ml-dsa-87'),
      deviceKey: await provider.generate('ed25519'),
      overlayKey: await provider.generate('ed25519'),
    })
    const name = `node-${toHex(systemRandom().bytes(8))}`
    requests.push(JSON.stringify({ token: tokens[at], csr: encodePem('CERTIFICATE REQUEST', csr), node_id: name }))
  })
  return requests
}

function post(url: URL, agent: Agent, body: string): Promise<void> {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  return exchange(new URL('/v1/enroll', url), { method: 'POST', agent, headers }, body)
}

/** Opens the connections that stay: what is measured begins after their handshakes. */
async function connectAll(url: URL, agent: Agent): Promise<void> {
  const list = new URL('/v1/crl', url)
  await Promise.all(Array.from({ length: IN_FLIGHT }, () => exchange(list, { method: 'GET', agent }, '')))
}

function exchange(url: URL, options: RequestOptions, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, options)
      .once('response', (response) => {
        response.resume().once('end', resolve)
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`))
      })
      .once('error', reject)
      .end(body)
  })
}

async function handshake(port: number): Promise<void> {
  const socket = connect({ ...CLIENT, port, host: '127.0.0.1' })
  await once(socket, 'secureConnect')
  socket.resume()
  await once(socket, 'close')
}

/** How many a second of `count` jobs. */
async function perSecond(count: number, job: (index: number) => Promise<unknown>): Promise<number> {
  return (count * 1000) / (await timeMs(() => inParallel(count, IN_FLIGHT, job)))
}

async function measure(directory: string): Promise<BenchRow[]> {
  const floor = await makeFloor(directory)
  const { ca, url, barePort } = await CaProcess.start(directory)
  const enrolling = (keepAlive: boolean) => async () => {
    const requests = await makeRequests(ca, floor.provider)
    const agent = new Agent({ ...CLIENT, keepAlive, maxSockets: IN_FLIGHT, maxCachedSessions: 0 })
    if (keepAlive) await connectAll(url, agent)
    const rate = await perSecond(requests.length, (at) => post(url, agent, requests[at] ?? ''))
    agent.destroy()
    return rate
  }
  const alone = () => perSecond(ENROLMENTS_PER_TURN, () => enrolAlone(floor))
  const shaking = () => perSecond(ENROLMENTS_PER_TURN, () => handshake(barePort))
  // One after the other: the rate of both together is that of their added times.
  const aloneAndShaking = async () => 1 / (1 / (await alone()) + 1 / (await shaking()))
  const rounds = ROUNDS
  const kept = await byTurns({ rounds, subject: enrolling(true), floor: alone })
  const fresh = await byTurns({ rounds, subject: enrolling(false), floor: aloneAndShaking })
  await ca.end()
  await floor.database.close()
  return [
    row({ name: 'enroll-kept-alive', aim: '>= 0.5', unit: '/s', ...kept }),
    row({ name: 'enroll-new-connections', aim: '>= 0.5', unit: '/s', ...fresh }),
  ]
}

/** How fast one CA enrols nodes. */
export const enrollBenchmark: Benchmark = {
  name: 'enroll',
  rows: ['enroll-kept-alive', 'enroll-new-connections'],
  run: () => inTemporaryDirectory(measure),
}
