// A GitLab whose every answer is scripted: no real one gives a 502 or a redirect on request.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { type Fault, isFault } from '../../pipelines/fault'
import type { CommitState } from '../../pipelines/forges/forge'
import { gitlab } from '../../pipelines/forges/gitlab'

export const TOKEN = 'glpat-secret-of-the-bot'
export const SECRETS = { token: 'hook-token-in-clear', signingKey: Buffer.from([...Array(32).keys()]) }

export interface Asked {
  method: string
  path: string
  body: Record<string, unknown>
  token: unknown
}
export type Answer = (request: Asked, response: ServerResponse) => void

/** What was asked in this test, how the next request is answered, and where. */
export const scripted: { asked: Asked[]; answer: Answer; url: string } = { asked: [], answer: () => undefined, url: '' }

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

export const plain =
  (status: number, body: string, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(body)

export const forge = (deadlineMs = 5000, at = scripted.url) =>
  gitlab({ url: at, token: TOKEN, path: 'team/hello', deadlineMs })

/**
 * A GitLab by routes: `'GET /merge_requests/3'` (below the project) to what it answers, one after the other, the last one for
 * ever. What has no route is a 404 that no thing of GitLab's gives, so that a forgotten one is seen.
 */
export function routes(table: Record<string, Answer | Answer[]>): Answer {
  const left = new Map(Object.entries(table).map(([route, answers]) => [route, [answers].flat()]))
  return (request, response) => {
    const path = request.path.replace('/api/v4', '').replace(/^\/projects\/7(?=\/)/, '')
    const answers = left.get(`${request.method} ${path}`) ?? left.get(`${request.method} ${path.replace(/\?.*/, '')}`)
    const answer = answers !== undefined && answers.length > 1 ? answers.shift() : answers?.[0]
    if (answer === undefined) return plain(404, `no route for ${request.method} ${path}`)(request, response)
    answer(request, response)
  }
}

/** `GET /merge_requests/3` and the like, as asked. */
export const askedFor = () =>
  scripted.asked.map(({ method, path }) => `${method} ${path.replace('/api/v4/projects/7', '').replace(/\?.*/, '')}`)

export const status = (state: CommitState = 'running') => ({
  commit: 'a'.repeat(40),
  ref: 'develop',
  name: 'shiplock/build',
  state,
  description: 'building',
  url: 'https://shiplock.test/runs/1',
})

/** The Fault that a call ends with; none of our secrets may be anywhere in it. */
export async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => expect.fail('it went well'),
    (caught: unknown) => caught,
  )
  if (!isFault(error)) throw error
  const everything = `${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`
  for (const secret of [TOKEN, SECRETS.token, SECRETS.signingKey.toString('base64')]) {
    expect(everything).not.toContain(secret)
  }
  return error
}

/** Call at the top of a test file: serves while its tests run. */
export function serveScript(): void {
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const one = {
        method: request.method ?? '',
        path: request.url ?? '',
        body: body === '' ? {} : JSON.parse(body),
        token: request.headers['private-token'],
      }
      scripted.asked.push(one)
      scripted.answer(one, response)
    })
  })
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    scripted.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  beforeEach(() => {
    scripted.asked = []
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
}
