import { WIRE } from '../wire-schemas.ts'
import { ROUTES, type Route, type RouteAuth } from './routes.ts'

/** An OpenAPI 3.1 document, as JSON. */
export type OpenApiDocument = Readonly<Record<string, unknown>>

/** In the paths as v1. */
const API_VERSION = '1'

/** Describes the enrolment API: the routes that the server has, with the schemas that it checks bodies by. */
export function openApi(): OpenApiDocument {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of ROUTES) {
    paths[route.path] ??= {}
    Object.assign(paths[route.path] ?? {}, { [route.method.toLowerCase()]: operationOf(route) })
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'gapmesh CA',
      version: API_VERSION,
      description:
        'Enrolment, rotation and revocation. TLS 1.3 with hybrid key exchange and ML-DSA certificates only. What GET answers, HEAD does without the body.',
    },
    paths,
    components: { schemas: WIRE, securitySchemes: { certificate: { type: 'mutualTLS' } } },
  }
}

const CALLERS: Readonly<Record<RouteAuth, string>> = {
  anybody: 'For anybody.',
  token: 'For who has a token.',
  node: 'For a node, by its certificate.',
  operator: 'For an operator, by certificate.',
}

function operationOf(route: Route): OpenApiDocument {
  const { operation: operationId, summary, auth, request, answer } = route
  const parameters = parametersOf(route)
  const needsCertificate = auth === 'node' || auth === 'operator'
  return {
    operationId,
    summary,
    description: CALLERS[auth],
    ...(parameters.length > 0 && { parameters }),
    ...(request !== undefined && { requestBody: { required: true, content: json(request) } }),
    ...(needsCertificate && { security: [{ certificate: [] }] }),
    responses: { ...answerOf(answer), ...refusalsOf(route) },
  }
}

function parametersOf({ path, answer }: Route): object[] {
  const text = (pattern: string) => ({ schema: { type: 'string', pattern } })
  const parameters: object[] = []
  if (path.includes('{id}')) parameters.push({ name: 'id', in: 'path', required: true, ...text('^[A-Za-z0-9_-]+$') })
  if (answer === 'list') {
    const description = 'Subject key id of the authority, in hexadecimal; without it the one that issues now.'
    parameters.push({ name: 'authority', in: 'query', required: false, description, ...text('^[0-9a-f]{64}$') })
  }
  return parameters
}

function answerOf(answer: Route['answer']): Record<string, unknown> {
  if (answer === undefined) return { 204: { description: 'Done.' } }
  if (answer === 'document') return { 200: { description: 'OpenAPI.', content: { 'application/json': {} } } }
  if (answer !== 'list') return { 200: { description: 'Done.', content: json(answer) } }
  const content = { 'application/pkix-crl': {}, 'application/x-pem-file': {} }
  return { 200: { description: 'The list.', content }, 304: { description: 'It is the list of If-None-Match.' } }
}

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'Malformed.',
  401: 'No valid certificate of this mesh.',
  403: 'Refused.',
  404: 'Nothing here.',
  429: 'Too many requests.',
  500: 'The CA failed.',
  503: 'The CA decides nothing for now.',
}

function refusalsOf({ request, refusals }: Route): Record<string, unknown> {
  const statuses = [...(request === undefined ? [] : [400]), ...refusals, 429, 500]
  const content = { 'application/problem+json': reference('Problem') }
  return Object.fromEntries(statuses.map((status) => [status, { description: REFUSALS[status], content }]))
}

function json(name: string): object {
  return { 'application/json': reference(name) }
}

function reference(name: string): object {
  return { schema: { $ref: `#/components/schemas/${name}` } }
}
