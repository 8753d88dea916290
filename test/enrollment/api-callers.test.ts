import { createPrivateKey } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { fromPem } from '../../agent/node/home.ts'
import { SimulatedClock, toHex } from '../../core/index.ts'
import type { SignatureProvider } from '../../crypto/index.ts'
import { openKeystore } from '../../crypto/store/index.ts'
import { openApi } from '../../enrollment/api/index.ts'
import { problemOf } from '../../enrollment/api/problems.ts'
import { ROUTES, type Route } from '../../enrollment/api/routes.ts'
import { buildCsr, buildMemberCsr, encodePem, LOCAL_ACTOR } from '../../enrollment/index.ts'
import { flawIn } from '../../enrollment/json-schema.ts'
import { DEFAULT_GRACE_MS, DEFAULT_OPERATOR_LIFETIME_MS } from '../../enrollment/limits.ts'
import type { MeshCa } from '../../enrollment/store/index.ts'
import { CA_KEYS } from '../../enrollment/store/keys.ts'
import { WIRE } from '../../enrollment/wire-schemas.ts'
import { makeRequestKeys, makeTestCa, type TestDependencies, testUnlock } from '../helpers/ca.ts'
import {
  type BareAnswer,
  type BareRequest,
  bareExchange,
  makeNode,
  makeOperator,
  serveTestCa,
  type TestMember,
} from '../helpers/ca-api.ts'

const PEM = 'CERTIFICATE REQUEST'

/** What a rightful caller sends. */
async function bodiesOf(
  { node, operator, token }: { node: TestMember; operator: TestMember; token: string },
  provider: SignatureProvider,
) {
  const fresh = async () => ({ identityKey: await provider.generate('ml-dsa-87') })
  const keys = { ...node.keys, ...(await fresh()) }
  const enroll = await makeRequestKeys(provider)
  return {
    enroll: { token, csr: encodePem(PEM, await buildCsr(enroll)), node_id: 'relay-9' },
    answerChallenge: { type: 'tpm', payload: 'x' },
    rotate: { csr: encodePem(PEM, await buildCsr(keys)), current_cert_serial: toHex(node.serialNumber) },
    rotateOperator: {
      csr: encodePem(PEM, await buildMemberCsr({ ...operator.keys, ...(await fresh()) })),
      current_cert_serial: toHex(operator.serialNumber),
    },
    revoke: { node_id: 'victim', reason: 'cessationOfOperation' },
    createToken: { node_id: 'relay-10', labels: ['harbour'] },
    approveRootChange: {},
  }
}

/** Written out, so that a route which loses its guard in the table that server and tests share is noticed. */
const PUBLISHED = [
  'POST /v1/enroll: token, 403 503',
  'POST /v1/enroll/{id}: token, 403 404',
  'POST /v1/rotate: node, 401 403 503',
  'GET /v1/crl: anybody, 404',
  'GET /v1/crl/delta: anybody, 404',
  'POST /v1/revoke: operator, 401 403 404 503',
  'GET /v1/pseudonym: node, 401 403 503',
  'POST /v1/token: operator, 401 403 503',
  'GET /v1/policy: operator, 401 403 503',
  'PUT /v1/policy: operator, 401 403 503',
  'POST /v1/operator/rotate: operator, 401 403 503',
  'POST /v1/root-change: operator, 401 403 503',
  'GET /v1/openapi.json: anybody, ',
]

t.test('the routes, for whom they are, and what they refuse', (t) => {
  const text = ({ method, path, auth, refusals }: Route) => `${method} ${path}: ${auth}, ${refusals.join(' ')}`
  t.same(ROUTES.map(text), PUBLISHED)
  t.end()
})

/** The CA's own certificates, with their keys: its server's, and the root that signs. */
async function authoritiesOf(ca: MeshCa, home: string, dependencies: TestDependencies) {
  const { certificateChain, privateKey } = await ca.issueServerIdentity()
  const keystore = await openKeystore({ directory: join(home, 'keystore'), unlock: testUnlock() }, dependencies)
  const rootKey = await keystore.signingKey(CA_KEYS.main)
  if (rootKey === undefined) throw new Error('the CA has a key')
  keystore.close()
  return {
    server: { chain: fromPem(certificateChain), identityKey: { keyObject: createPrivateKey(privateKey) } },
    root: { chain: [ca.root.der], identityKey: rootKey },
  }
}

t.test('each route, by whoever calls', async (t) => {
  const { ca, url, home, dependencies } = await serveTestCa(t)
  const { provider } = dependencies
  const [node, operator] = [await makeNode(ca, 'relay-7', provider), await makeOperator(ca, 'alice', provider)]
  const [outNode, outOperator] = [await makeNode(ca, 'gone', provider), await makeOperator(ca, 'mallory', provider)]
  await makeNode(ca, 'victim', provider)
  const { ca: other } = await makeTestCa(t, { home: join(home, 'other') })
  const foreign = {
    node: await makeNode(other, 'relay-7', provider),
    operator: await makeOperator(other, 'alice', provider),
  }
  await ca.revoke({ nodeId: 'gone' }, {}, LOCAL_ACTOR)
  await ca.revoke({ operator: 'mallory' }, {}, LOCAL_ACTOR)
  const { token } = await ca.createToken()
  const own = await authoritiesOf(ca, home, dependencies)
  const bodies: Record<string, unknown> = await bodiesOf({ node, operator, token }, provider)
  bodies.setPolicy = JSON.parse((await bareExchange(url, { path: '/v1/policy', as: operator })).body.toString())

  const call = (route: Route, as: BareRequest['as'], body: unknown = bodies[route.operation]) => {
    const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const path = route.path.replace('{id}', 'abc')
    return bareExchange(url, { method: route.method, path, as, ...(route.request !== undefined && json) })
  }
  const isProblem = (answer: BareAnswer, status: 400 | 401 | 403 | 404, what: string) => {
    t.equal(answer.status, status, what)
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
    t.same(JSON.parse(answer.body.toString()), problemOf(status))
  }
  for (const route of ROUTES.filter(({ auth }) => auth === 'node' || auth === 'operator')) {
    const { operation, auth } = route
    const [right, wrong] = auth === 'node' ? [node, operator] : [operator, node]
    isProblem(await call(route, undefined), 401, 'without a certificate')
    isProblem(await call(route, foreign.node), 401, "with another mesh's node")
    isProblem(await call(route, foreign.operator), 401, "with another mesh's operator")
    isProblem(await call(route, own.server), 401, "with the certificate of the CA's own server")
    isProblem(await call(route, own.root), 401, 'with that of the root')
    isProblem(await call(route, wrong), 403, 'with a certificate for something else')
    isProblem(await call(route, auth === 'node' ? outNode : outOperator), 403, 'with a revoked certificate')
    if (route.request !== undefined && route.request !== 'Nothing') {
      isProblem(await call(route, right, { unknown: 1 }), 400, 'with a malformed body')
      isProblem(await call(route, right, []), 400, 'with a list')
    }
    const answer = await call(route, right)
    t.equal(answer.status, route.answer === undefined ? 204 : 200, `${operation} by ${right.name}`)
    if (route.answer !== undefined) checkBody(route, answer)
  }
  await t.test('routes for anybody', async (t) => {
    for (const route of ROUTES.filter(({ auth }) => auth === 'anybody' || auth === 'token')) {
      for (const as of [undefined, foreign.node, outNode, node]) {
        const answer = await call(route, as)
        const expected = route.operation === 'answerChallenge' ? 404 : 200
        t.equal(answer.status, expected, `${route.operation} ${as?.name}`)
        if (expected === 200) checkBody(route, answer)
      }
    }
  })

  function checkBody({ operation, answer: name }: Route, { body }: BareAnswer) {
    if (name === undefined || name === 'list') return
    const json = JSON.parse(body.toString())
    if (name === 'document') t.same(json, openApi())
    else t.equal(flawIn(WIRE[name], json), undefined, `${operation}: the body is as published`)
  }
})

t.test('the OpenAPI document names every route, its bodies and its refusals', (t) => {
  const document = JSON.parse(JSON.stringify(openApi()))
  t.equal(document.openapi, '3.1.1')
  const schemas = Object.keys(document.components.schemas)
  for (const { method, path, operation, request, refusals } of ROUTES) {
    const described = document.paths[path][method.toLowerCase()]
    t.equal(described.operationId, operation)
    t.equal(described.requestBody?.content['application/json'].schema.$ref, reference(request))
    const statuses = Object.keys(described.responses).map(Number)
    for (const status of [...refusals, 429, 500]) t.ok(statuses.includes(status), `${operation} ${status}`)
    t.equal(statuses.includes(400), request !== undefined)
  }
  for (const [, name = ''] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/([A-Za-z]+)"/g)) {
    t.ok(schemas.includes(name), name)
  }
  t.equal(new Set(ROUTES.map(({ operation }) => operation)).size, ROUTES.length)
  t.end()
})

const reference = (name: string | undefined) => (name === undefined ? undefined : `#/components/schemas/${name}`)

t.test('a certificate that has expired', async (t) => {
  const clock = new SimulatedClock()
  const { ca, url, dependencies } = await serveTestCa(t, {}, { changes: { clock } })
  const { provider } = dependencies
  const [node, operator] = [await makeNode(ca, 'relay-7', provider), await makeOperator(ca, 'alice', provider)]
  const { token } = await ca.createToken()
  const bodies: Record<string, unknown> = await bodiesOf({ node, operator, token }, provider)
  const call = ({ method, path, operation, auth, request }: Route) => {
    const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(bodies[operation] ?? {}) }
    return bareExchange(url, {
      method,
      path,
      as: auth === 'node' ? node : operator,
      ...(request !== undefined && json),
    })
  }
  const guarded = ROUTES.filter(({ auth }) => auth === 'node' || auth === 'operator')
  t.equal((await bareExchange(url, { path: '/v1/pseudonym', as: node })).status, 200)
  await clock.advance(DEFAULT_OPERATOR_LIFETIME_MS + DEFAULT_GRACE_MS)
  for (const route of guarded) {
    t.equal((await call(route)).status, route.operation === 'rotate' ? 403 : 401, route.operation)
  }
})
