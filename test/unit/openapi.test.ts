import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openApi } from '../../app/_server/rest/openapi'
import { ROUTES } from '../../app/_server/rest/routes'
import { NAMED } from '../../app/_server/rest/shapes'

type Operation = {
  operationId: string
  security: unknown[]
  parameters: { name: string; in: string; required: boolean; schema: object }[]
  requestBody?: { required: boolean; content: Record<string, { schema: object }> }
  responses: Record<string, { content?: Record<string, { schema: object }> }>
}
const document = openApi(ROUTES, '0.0.0', 'http://127.0.0.1:1') as unknown as {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object> }
}
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

describe('the OpenAPI document', () => {
  it('describes every route of the table once', () => {
    expect(operations.map((o) => `${o.method.toUpperCase()} ${o.path}`).sort()).toEqual(
      ROUTES.map((r) => `${r.method} ${r.path}`).sort(),
    )
    const ids = operations.map((o) => o.operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.every((id) => /^[a-z][A-Za-z]+$/.test(id))).toBe(true)
  })

  it('names the parameters that stand in each path, and no others', () => {
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1])
      expect(operation.parameters.filter((p) => p.in === 'path').map((p) => p.name)).toEqual(inPath)
    }
  })

  it('refers only to shapes that it contains', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      (m) => m[1] ?? '',
    )
    expect(refs.length).toBeGreaterThan(ROUTES.length)
    expect(refs.filter((name) => !(name in document.components.schemas))).toEqual([])
    expect(Object.keys(document.components.schemas).sort()).toEqual(Object.keys(NAMED).sort())
    expect(JSON.stringify(document)).not.toContain('$schema')
  })

  it('says that all but signing in and health need a session or a token', () => {
    const open = operations.filter((o) => o.operation.security.length === 0).map((o) => `${o.method} ${o.path}`)
    expect(open.sort()).toEqual([
      'get /api/health',
      'get /api/v1/oidc/begin',
      'get /api/v1/oidc/callback',
      'post /api/v1/session',
      'post /api/v1/session/passkey',
      'post /api/v1/session/passkey/challenge',
    ])
    for (const { operation } of operations)
      if (operation.security.length > 0)
        expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '403']))
  })

  it('holds JSON Schema that can be read back', () => {
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      const whole = { ...schema, $defs: document.components.schemas }
      const local = JSON.parse(JSON.stringify(whole).replaceAll('#/components/schemas/', '#/$defs/')) as Parameters<
        typeof z.fromJSONSchema
      >[0]
      expect(() => z.fromJSONSchema(local), name).not.toThrow()
    }
  })

  it('a body is asked for where a field of it must be given', () => {
    const body = (path: string) => document.paths[path]?.post?.requestBody
    expect(body('/api/v1/projects')?.required).toBe(true)
    expect(body('/api/v1/runs/{id}/cancel')?.required).toBe(false)
  })
})
