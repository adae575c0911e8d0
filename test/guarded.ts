// The guard before the REST routes, with two projects and everybody who could ask behind it.
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify from 'fastify'
import { Doorbell } from '../app/_server/events'
import { Health } from '../app/_server/health'
import { mountRest } from '../app/_server/rest/mount'
import type { Door, RestRoute } from '../app/_server/rest/route'
import { ROUTES } from '../app/_server/rest/routes'
import { startWeb } from '../app/_server/server'
import { Streams } from '../app/_server/streams'
import { openRecord, type RecordHandle } from '../prisma/client'
import { ensureKeys } from '../prisma/seal'
import { freshDatabase } from './database'
import { type Asker, everybody, makeAsker, type PlaceName, type Seeded, seedProject } from './two-projects'

export const MARK = { a: 'canary-a', b: 'canary-b' }
/** How often streams ask again whether they may still be heard. */
const AGAIN_MS = 150

const reached = (line: RestRoute): RestRoute => ({
  ...line,
  do: async ({ reply }) => {
    reply.header('x-reached', 'yes')
    return line.status === 204 ? undefined : {}
  },
})

export interface Guarded {
  record: RecordHandle
  /** The same guard before the same routes, which only say that they were reached: nothing is changed by trying. */
  url: string
  /** The real thing. */
  web: string
  projects: Record<'a' | 'b', Seeded>
  askers: Asker[]
  headersOf(name: string): Record<string, string>
  close(): Promise<void>
}

export async function startGuarded(): Promise<Guarded> {
  const database = await freshDatabase()
  const record = openRecord(database.url, { max: 10 })
  const keys = mkdtempSync(join(tmpdir(), 'shiplock-permits-'))
  await ensureKeys(keys)
  const web = await startWeb({
    record,
    keys,
    host: '127.0.0.1',
    port: 0,
    publicUrl: null,
    trustProxy: false,
    logLevel: 'silent',
    pages: false,
    environments: [],
  })
  const somebody = await makeAsker(record, 'somebody', 'member')
  const projects = {
    a: await seedProject(record, MARK.a, somebody.accountId),
    b: await seedProject(record, MARK.b, somebody.accountId),
  }
  const askers = await everybody(record, projects.a.project)
  const doorbell = new Doorbell(record, () => {})
  await doorbell.start()
  const streams = new Streams(AGAIN_MS)
  let url = ''
  const health = new Health({ record, keys })
  const door = { record, keys, doorbell, streams, health, publicUrl: () => url, oidc: null } as unknown as Door
  const guard = fastify({ forceCloseConnections: true })
  mountRest(
    guard,
    ROUTES.map((line) => (line.path === EVENTS ? line : reached(line))),
    door,
  )
  await guard.listen({ host: '127.0.0.1', port: 0 })
  url = `http://127.0.0.1:${(guard.server.address() as AddressInfo).port}`
  return {
    record,
    url,
    web: web.url,
    projects,
    askers,
    headersOf: (name) => {
      const asker = askers.find((a) => a.name === name)
      if (asker === undefined) throw new Error(`nobody is called ${name}`)
      return asker.headers
    },
    close: async () => {
      await guard.close()
      await doorbell.close()
      await web.close()
      await record.close()
      await database.drop()
      rmSync(keys, { recursive: true })
    },
  }
}

/** Does what it says: hears what changed. */
const EVENTS = '/api/v1/events'

export const nameOf = (line: RestRoute) => `${line.method} ${line.path}`
export const changes = (line: RestRoute) => line.method !== 'GET'
export const open = (line: RestRoute) => line.action === null

/** Something to ask about: of project a or b, in an environment where the thing lies in one; or nothing that there is. */
export interface Target {
  project: 'a' | 'b'
  environment: PlaceName
  missing?: true
}
export const TARGETS: readonly Target[] = [
  { project: 'a', environment: 'test' },
  { project: 'a', environment: 'production' },
  { project: 'b', environment: 'test' },
]
export const NOWHERE = 2_000_000_000

type Kind = 'project' | 'run' | 'release' | 'mergeRequest' | 'delivery' | 'artifact'
type InPlace = 'environment' | 'promotion' | 'policyChange' | 'approval'

/** What `{id}` means, by the path's first word. A number: it does not matter which. */
const IDS: Record<string, Kind | InPlace | number> = {
  runs: 'run',
  releases: 'release',
  'merge-requests': 'mergeRequest',
  deliveries: 'delivery',
  projects: 'project',
  artifacts: 'artifact',
  environments: 'environment',
  promotions: 'promotion',
  'policy-changes': 'policyChange',
  approvals: 'approval',
  account: 1,
  accounts: 1,
  tokens: 1,
  sessions: 1,
  memberships: 1,
  passkeys: 1,
  identities: 1,
}
const IN_PLACE = new Set<unknown>(['environment', 'promotion', 'policyChange', 'approval'])

const reason = 'because it is asked for here, at length'
const ASSERTION = { credentialId: 'AA', clientDataJSON: 'AA', authenticatorData: 'AA', signature: 'AA' }
const REGISTRATION = {
  id: 'AA',
  rawId: 'AA',
  type: 'public-key',
  clientExtensionResults: {},
  response: { clientDataJSON: 'AA', attestationObject: 'AA', transports: [] },
}
/** Bodies that the schemas let through, where {} is none. */
const BODIES: Record<string, (target: Target, projects: Projects) => Record<string, unknown>> = {
  'POST /api/v1/session': () => ({ name: 'nobody', password: 'wrong' }),
  'POST /api/v1/promotions': (t, p) => ({ release: idOf('release', t, p), environment: idOf('environment', t, p) }),
  'POST /api/v1/promotions/{id}/statement': () => ({ decision: 'approve', reason }),
  'POST /api/v1/policy-changes/{id}/statement': () => ({ decision: 'approve', reason }),
  'POST /api/v1/approvals': (t, p) => ({ hash: statementOf(t, p) }),
  'POST /api/v1/approvals/{id}/review': () => ({ because: reason }),
  'POST /api/v1/merge-requests/{id}/approve': () => ({ head: 'a'.repeat(40) }),
  'POST /api/v1/merge-requests/{id}/merge': () => ({ head: 'a'.repeat(40) }),
  'POST /api/v1/releases/{id}/refuse': () => ({ because: reason }),
  'POST /api/v1/environments/{id}/rollback': (t, p) => ({ release: idOf('release', t, p), reason }),
  'POST /api/v1/environments/{id}/hold': () => ({ because: reason }),
  'POST /api/v1/environments/{id}/remove': () => ({ because: reason }),
  'POST /api/v1/projects': () => ({ forgeUrl: 'https://gitlab.example.com', path: 'a/b', token: 'glpat-0123456789' }),
  'POST /api/v1/accounts': () => ({ name: 'new', role: 'viewer' }),
  'POST /api/v1/accounts/{id}/role': () => ({ role: 'viewer' }),
  'POST /api/v1/accounts/{id}/password': () => ({ password: 'correct horse battery' }),
  'POST /api/v1/account/password': () => ({ old: 'correct horse', new: 'battery staple' }),
  'POST /api/v1/memberships': () => ({ account: 1, project: 1, role: 'viewer' }),
  'POST /api/v1/environments/{id}/policy/changes': () => ({ yaml: 'name: test', reason }),
  'POST /api/v1/environments/{id}/stop': () => ({ because: reason }),
  'POST /api/v1/environments/{id}/go': () => ({ because: reason }),
  'POST /api/v1/installation/stop': () => ({ because: reason }),
  'POST /api/v1/installation/go': () => ({ because: reason }),
  'POST /api/v1/tokens': () => ({ name: 'ci' }),
  'POST /api/v1/session/passkey': () => ({ assertion: ASSERTION }),
  'POST /api/v1/passkeys': () => ({ name: 'laptop', response: REGISTRATION }),
  'POST /api/v1/passkeys/{id}/rename': () => ({ name: 'laptop' }),
  'POST /api/v1/passkeys/{id}/code': () => ({ proof: '0'.repeat(64) }),
  'POST /api/v1/passkeys/{id}/vouch': () => ({ challenge: 'AA', assertion: ASSERTION }),
}

type Projects = Guarded['projects']

function idOf(kind: Kind | InPlace, { project, environment, missing }: Target, projects: Projects): number {
  if (missing) return NOWHERE
  const seeded = projects[project]
  return IN_PLACE.has(kind) ? seeded.places[environment][kind as InPlace] : seeded[kind as Kind]
}
const statementOf = ({ project, environment, missing }: Target, projects: Projects) =>
  missing ? '0'.repeat(64) : projects[project].places[environment].statement

export const bodyOf = (line: RestRoute, target: Target, projects: Projects) =>
  BODIES[nameOf(line)]?.(target, projects) ?? {}

export function pathOf(line: RestRoute, target: Target, projects: Projects): string {
  const id = IDS[line.path.split('/')[3] ?? '']
  return line.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    if (name === 'name') return line.path.includes('/stages/') ? 'unit' : 'test'
    if (name === 'seq') return String(target.missing ? NOWHERE : projects[target.project].seq)
    if (name !== 'id') return '1'
    if (id === undefined) throw new Error(`${nameOf(line)}: say in IDS what its {id} is`)
    return String(typeof id === 'number' ? id : idOf(id, target, projects))
  })
}

export async function ask(
  { projects, url }: Guarded,
  line: RestRoute,
  target: Target,
  headers: Record<string, string>,
  at = url,
) {
  const body = changes(line) ? { body: JSON.stringify(bodyOf(line, target, projects)) } : {}
  const answer = await fetch(at + pathOf(line, target, projects), {
    method: line.method,
    redirect: 'manual',
    headers: { ...(changes(line) ? { 'content-type': 'application/json', origin: at } : {}), ...headers },
    ...body,
  })
  // A stream has no end to wait for.
  if (line.stream && answer.status === 200) await answer.body?.cancel()
  const text = answer.bodyUsed ? '' : await answer.text()
  const got = answer.headers.has('x-reached') || (line.path === EVENTS && answer.status === 200)
  return { status: answer.status, reached: got, text }
}
