import { z } from 'zod'
import { FAULTS } from '../../../pipelines/fault'
import { COOKIE } from '../session'
import type { RestRoute } from './route'
import { NAMED } from './shapes'

type Json = { [key: string]: unknown }

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })

/** JSON Schema without the keywords that have no place inside an OpenAPI document. */
function bare(schema: object): Json {
  const { $schema: _, $id: __, '~standard': ___, ...rest } = schema as Json
  return rest
}

function components(): Json {
  const registry = z.registry<{ id: string }>()
  for (const [name, schema] of Object.entries(NAMED)) registry.add(schema, { id: name })
  const { schemas } = z.toJSONSchema(registry, {
    target: 'draft-2020-12',
    uri: (name) => `#/components/schemas/${name}`,
  })
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, bare(schema)]))
}

/** What is asked: the input side, where a default makes a field optional. */
const asked = (schema: z.ZodObject) => bare(z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' }))

function parameters(schema: z.ZodObject | undefined, where: 'path' | 'query'): Json[] {
  if (!schema) return []
  const { properties = {}, required = [] } = asked(schema) as { properties?: Record<string, Json>; required?: string[] }
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }))
}

function answers(line: RestRoute): Json {
  const problem = (description: string) => ({ description, content: { 'application/json': { schema: ref('Error') } } })
  const found: Json = {}
  const add = (status: number, description: string) => {
    const known = found[status] as { description: string } | undefined
    found[status] = problem(known ? `${known.description}; ${description}` : description)
  }
  const content = {
    ...(line.reply ? { 'application/json': { schema: ref(line.reply) } } : {}),
    ...(line.stream ? { 'text/event-stream': { schema: { type: 'string' } } } : {}),
    ...(line.file ? { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } : {}),
  }
  found[line.status] = { description: line.summary, ...(Object.keys(content).length > 0 ? { content } : {}) }
  if (line.action) {
    add(401, 'no session, and no valid token')
    add(403, 'the role may not, or a browser asked from another origin')
  }
  if (line.params || line.query || line.body) add(422, 'input.invalid')
  if (line.body) add(413, 'the body is larger than 1 MiB')
  for (const code of line.faults) add(FAULTS[code].http, code)
  if (line.path === '/api/health')
    found[503] = {
      description: 'the database does not answer',
      content: { 'application/json': { schema: ref('Health') } },
    }
  add(500, 'a fault of Shiplock itself; the message carries an id that stands in its log')
  return found
}

function operation(line: RestRoute): Json {
  const required = line.body
    ? Object.values(line.body.shape).some((field) => !(field as z.ZodType).safeParse(undefined).success)
    : false
  const schema = line.body ? asked(line.body) : {}
  return {
    operationId: `${line.method.toLowerCase()}${line.path.replace(/^\/api(\/v1)?/, '').replace(/[^A-Za-z]+(\w?)/g, (_, c: string) => c.toUpperCase())}`,
    summary: line.summary,
    tags: [line.path.split('/')[3] ?? 'health'],
    security: line.action ? [{ token: [] }, { session: [] }] : [],
    ...(line.action ? { 'x-action': line.action } : {}),
    parameters: [...parameters(line.params, 'path'), ...parameters(line.query, 'query')],
    ...(line.body
      ? {
          requestBody: {
            required,
            content: { 'application/json': { schema }, 'application/x-www-form-urlencoded': { schema } },
          },
        }
      : {}),
    responses: answers(line),
  }
}

/** The OpenAPI 3.1 document of a route table. Pure. */
export function openApi(routes: readonly RestRoute[], version: string, server: string): Json {
  const paths: Record<string, Json> = {}
  for (const line of routes) {
    paths[line.path] ??= {}
    const path = paths[line.path] as Json
    path[line.method.toLowerCase()] = operation(line)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Shiplock',
      version,
      description: 'Runs, environments and projects of Shiplock. Times are ISO 8601 in UTC, durations milliseconds.',
    },
    servers: [{ url: server }],
    paths,
    components: {
      schemas: components(),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'An API token, slk_…' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: COOKIE,
          description: 'Changes also need the Origin header of this server',
        },
      },
    },
  }
}
