import { createPrivateKey, createPublicKey } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAccount } from '../../app/_server/accounts'
import { startWeb, type Web } from '../../app/_server/server'
import { Dossier } from '../../app/releases/dossier-shapes'
import { openSigner, openTrust, readTrailKeys } from '../../audit/keys'
import type { Context } from '../../pipelines/context'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { readOrigin } from '../../prisma/origin'
import { provisionRoles } from '../../prisma/roles'
import { ensureKeys } from '../../prisma/seal'
import { checkpoint } from '../../worker/checkpoint'
import { freshDatabase } from '../database'
import { verified } from './given-export'
import { givenDeployed, PAGE } from './given-release'
import type { GivenTrail } from './given-trail'

const PASSWORD = 'correct horse battery staple'

let dir: string
let database: Awaited<ReturnType<typeof freshDatabase>>
let owner: RecordHandle
let record: RecordHandle
let web: Web
let releaseId: number
let signs: () => Promise<void>
const cookies = new Map<string, string>()

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'shiplock-exports-'))
  const keys = join(dir, 'keys')
  await ensureKeys(keys)
  database = await freshDatabase()
  owner = openRecord(database.url, { max: 4 })
  const origin = await readOrigin(owner)
  const trust = openTrust(keys, join(dir, 'trail'), origin, () => PAGE)
  const signer = openSigner(keys)
  const context = {
    record: owner,
    trail: join(dir, 'trail'),
    signer,
    trust,
    worker: 'w1',
    stopping: new AbortController().signal,
  }
  signs = () => checkpoint(context as unknown as Context)
  const publicKey = createPublicKey(createPrivateKey(readFileSync(join(keys, 'trail.key'))))
  const trail = { record: owner, origin, publicKey, signer, worker: () => ({ signs }) } as unknown as GivenTrail
  releaseId = (await givenDeployed(trail)).releaseId
  for (const role of ['admin', 'auditor', 'viewer'] as const)
    await createAccount(owner, { name: role, password: PASSWORD, role })
  await signs()
  // As in production: with the rights of the web process, and no more.
  const roles = await provisionRoles(database.url, 'exports')
  if ('why' in roles) throw new Error(roles.why)
  record = openRecord(roles.webUrl, { max: 4, name: 'test web' })
  web = await startWeb({
    record,
    environments: [],
    pages: false,
    host: '127.0.0.1',
    port: 0,
    oidc: null,
    publicUrl: PAGE,
    keys,
    logLevel: 'silent',
    trustProxy: false,
  })
}, 60_000)
afterAll(async () => {
  await web.close()
  await record.close()
  await owner.close()
  await database.drop()
  rmSync(dir, { recursive: true, force: true })
})

async function get(who: 'admin' | 'auditor' | 'viewer', path: string, headers: Record<string, string> = {}) {
  const address = web.url.replace(/\/$/, '')
  let cookie = cookies.get(who)
  if (cookie === undefined) {
    const answer = await fetch(`${address}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: PAGE },
      body: JSON.stringify({ name: who, password: PASSWORD }),
    })
    cookie = /shiplock_session=[^;]+/.exec(answer.headers.get('set-cookie') ?? '')?.[0] ?? ''
    cookies.set(who, cookie)
  }
  return fetch(`${address}/api/v1${path}`, { headers: { cookie, ...headers } })
}

/** What came, as a file. */
async function kept(answer: Response, name: string): Promise<string> {
  expect(answer.status).toBe(200)
  const file = join(dir, name)
  writeFileSync(file, Buffer.from(await answer.arrayBuffer()))
  return file
}

describe('over REST', () => {
  const key = () => readTrailKeys(join(dir, 'keys'))[0]?.publicKey ?? ''
  const spooled = () => readdirSync(tmpdir()).filter((name) => name.startsWith('shiplock-zip-'))

  it('an auditor takes the whole trail away, and can verify it; that is told in it', async () => {
    const before = spooled()
    const zip = await kept(await get('auditor', '/trail/export'), 'trail.zip')
    expect(verified(zip, '--key', key())).toMatchObject({ exit: 0, signoffs: 2, signed: 2 })
    expect(spooled()).toEqual(before)
    await signs()
    const again = await kept(await get('admin', '/trail/export'), 'again.zip')
    expect(verified(again).entries).toBeGreaterThan(verified(zip).entries)
    const { rows } = await owner.pool.query(
      `SELECT "actorName" AS by, writer, data FROM "AuditEntry" WHERE kind = 'trail.export' ORDER BY id`,
    )
    expect(rows).toMatchObject([
      { by: 'auditor', writer: 'web', data: { size: verified(zip).entries } },
      { by: 'admin', writer: 'web' },
    ])
  })

  it('who may only look does not take it away', async () => {
    expect((await get('viewer', '/trail/export')).status).toBe(403)
  })

  it('two exports at once are one too many', async () => {
    const both = await Promise.all([get('auditor', '/trail/export'), get('auditor', '/trail/export')])
    for (const each of both) await each.arrayBuffer()
    expect(both.map((each) => each.status).sort()).toEqual([200, 429])
  })

  it('the bundle of a release is verified by itself', async () => {
    const zip = await kept(await get('viewer', `/releases/${releaseId}/bundle`), 'bundle.zip')
    expect(verified(zip, '--key', key())).toMatchObject({ exit: 0, signoffs: 2, deployments: 1, signedOff: 1 })
  })

  it('the dossier of a release comes as JSON, and as a file for people in their language', async () => {
    const answer = await get('viewer', `/releases/${releaseId}/dossier`)
    const dossier = Dossier.parse(await answer.json())
    expect(dossier.signoffs.map((s) => s.holds)).toEqual([true, true])
    expect(dossier.made.by).toBe('viewer')
    for (const [headers, title] of [
      [{}, 'Release dossier'],
      [{ 'accept-language': 'zh-CN' }, '发布档案'],
    ] as const) {
      const page = await get('viewer', `/releases/${releaseId}/dossier.html`, headers)
      expect(page.headers.get('content-disposition')).toContain('attachment; filename="hello-V1.0_202611210900.html"')
      expect(page.headers.get('content-type')).toBe('application/octet-stream')
      expect(await page.text()).toContain(title)
    }
    for (const what of ['dossier', 'dossier.html', 'bundle'])
      expect((await get('viewer', `/releases/999/${what}`)).status).toBe(404)
  })
})
