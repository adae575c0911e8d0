import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readDossier } from '../../app/releases/dossier'
import { renderDossier } from '../../app/releases/dossier-html'
import { Dossier } from '../../app/releases/dossier-shapes'
import { leafHash, rootFromInclusion } from '../../audit/tree'
import type { Trust } from '../../audit/trust'
import { tell, transaction } from '../../prisma/record'
import { aboutOf, deploys, type GivenRelease, givenRelease, gives, PAGE } from './given-release'
import { type GivenTrail, givenTrail } from './given-trail'

let trail: GivenTrail
let given: GivenRelease
let dossier: Dossier

const trustOf = (its: GivenTrail): Trust => ({
  origin: its.origin,
  keys: [its.publicKey],
  rpId: 'localhost',
  webOrigin: PAGE,
  agreed: () => undefined,
  removed: () => false,
})
const read = (its: GivenTrail, id: number) =>
  readDossier(its.record, id, { about: aboutOf(its), trust: trustOf(its), by: 'auditor', version: '0.1.0' })

beforeAll(async () => {
  trail = await givenTrail({ connections: 4 })
  given = await givenRelease(trail)
  await transaction(trail.record, (tx) =>
    tell(tx, {
      kind: 'environment.stop',
      subject: 'environment',
      subjectId: given.environmentId,
      by: { actor: 'account:2', actorName: 'Omar Said' },
      projectId: 1,
      because: 'the fire brigade is here',
    }),
  )
  await transaction(trail.record, (tx) =>
    tell(tx, {
      kind: 'installation.stop',
      subject: 'installation',
      subjectId: 1,
      by: { actor: 'account:2', actorName: 'Omar Said' },
      because: 'and everything else',
    }),
  )
  await gives(trail, given, given.people.noor, { decision: 'reject', reason: 'not before <lunch> & coffee' })
  const answers = [
    await gives(trail, given, given.people.noor, { reason: 'seen, and "good"' }),
    await gives(trail, given, given.people.omar),
  ]
  await deploys(trail, given, answers)
  dossier = await read(trail, given.releaseId)
}, 60_000)
afterAll(() => trail.end())

/** What is another one each time, by its name: hashes, keys, times of this run. */
const named = (text: string) =>
  text
    .replaceAll(/shiplock\/[0-9a-f-]{36}/g, 'shiplock/ORIGIN')
    .replaceAll(/(?!2026-11-21T0[89])\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'TIME')
    .replaceAll(/(?!2026-11-21 0[89])\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?/g, 'TIME')
    .replaceAll(/\b(?!(?:ab|cd|00){32}|1{64}|2{64}|3{64}|4{64})[0-9a-f]{64}\b/g, 'HASH')
    .replaceAll(/\b([a-z]{5}(",\s+"| )){7}[a-z]{5}\b/g, 'WORDS')
    .replaceAll(/[A-Za-z0-9+/_-]{43,}={0,2}/g, (text) => (/[A-Z]/.test(text) && /\d/.test(text) ? 'BASE64' : text))

describe('the dossier of a release', () => {
  it('tells who signed what, with which key, and that it is what runs', () => {
    expect(Dossier.parse(dossier)).toEqual(dossier)
    expect(dossier.promotions).toMatchObject([{ environment: 'production', status: 'verified', same: true }])
    expect(dossier.signoffs.map((s) => [s.decision, s.account, s.status, s.holds, s.key?.roles])).toEqual([
      ['reject', 'Noor Haddad', 'given', true, ['owner']],
      ['approve', 'Noor Haddad', 'used', true, ['owner']],
      ['approve', 'Omar Said', 'used', true, ['ops']],
    ])
    expect(dossier.mergeRequests).toMatchObject([{ iid: 4, approvers: ['Ada Okoye'], merger: 'Noor Haddad' }])
    expect(dossier.runs.map((r) => [r.branch, r.adopted, r.stages.map((s) => s.name)])).toEqual([
      ['release/1.0', false, ['static', 'build', 'unit']],
      ['master', true, []],
    ])
    expect(dossier.interventions).toMatchObject([
      { kind: 'environment.stop', environment: 'production', because: 'the fire brigade is here' },
      { kind: 'installation.stop', environment: null, because: 'and everything else' },
    ])
    expect(dossier.left).toEqual([])
  })

  it('proves every entry it names, under the signed head', () => {
    const { proofs } = dossier
    expect(proofs?.entries.length).toBeGreaterThan(8)
    for (const entry of proofs?.entries ?? []) {
      const leaf = leafHash(Buffer.from(entry.body))
      expect(leaf.toString('hex')).toBe(entry.leaf)
      const path = entry.path.map((node) => Buffer.from(node, 'base64'))
      expect(rootFromInclusion(leaf, entry.seq, proofs?.checkpoint.size ?? 0, path)?.toString('hex')).toBe(
        proofs?.checkpoint.root,
      )
    }
    const seqs = new Set(proofs?.entries.map((e) => e.seq))
    for (const s of dossier.signoffs)
      expect([s.given, s.admitted].every((seq) => seq !== null && seqs.has(seq))).toBe(true)
  })

  it('is one file that needs nothing else', () => {
    for (const locale of ['en', 'zh-CN'] as const) {
      const page = renderDossier(dossier, locale)
      expect(page).not.toMatch(/<(script|link|img|iframe|object|embed|base|form)\b/i)
      expect(page).not.toMatch(/\s(src|srcset|action|on\w+)=|url\(|@import/i)
      expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`)
      const links = [...page.matchAll(/<a href="([^"]*)"/g)].map((m) => m[1] ?? '')
      expect(links.every((href) => href.startsWith('#') || href.startsWith('https://forge.example.com/'))).toBe(true)
    }
  })

  it('shows what people wrote as they wrote it, and as nothing else', () => {
    const page = renderDossier(dossier, 'en')
    expect(page).toContain('Say hello &lt;script&gt;alert(1)&lt;/script&gt; politely')
    expect(page).toContain('not before &lt;lunch&gt; &amp; coffee')
    expect(page).toContain('seen, and &quot;good&quot;')
    expect(page).toContain('&quot;decision&quot;:&quot;approve&quot;')
  })

  it('reads as it always has', async () => {
    await expect(named(`${JSON.stringify(dossier, null, 2)}\n`)).toMatchFileSnapshot('../fixtures/dossier.json')
    await expect(named(renderDossier(dossier, 'en'))).toMatchFileSnapshot('../fixtures/dossier.html')
    await expect(named(renderDossier(dossier, 'zh-CN'))).toMatchFileSnapshot('../fixtures/dossier.zh-CN.html')
    if (process.env.SHIPLOCK_DOSSIER !== undefined)
      for (const locale of ['en', 'zh-CN'] as const)
        writeFileSync(`${process.env.SHIPLOCK_DOSSIER}/dossier-${locale}.html`, renderDossier(dossier, locale))
  })

  it('says of a signature that does not hold that it does not', async () => {
    await trail.record.pool.query(
      `UPDATE "Approval" SET signature = '\\x30' WHERE id = (SELECT max(id) FROM "Approval")`,
    )
    const now = await read(trail, given.releaseId)
    expect(now.signoffs.at(-1)).toMatchObject({ holds: false, wrong: 'its signature is not written the one right way' })
    expect(renderDossier(now, 'en')).toContain('THE SIGNATURE DOES NOT HOLD')
  })

  it('says that another image runs where another one does', async () => {
    await trail.record.pool.query(`UPDATE "Promotion" SET observed = $1`, [`sha256:${'00'.repeat(32)}`])
    const now = await read(trail, given.releaseId)
    expect(now.promotions[0]?.same).toBe(false)
    expect(renderDossier(now, 'en')).toContain(`ANOTHER: sha256:${'00'.repeat(32)}`)
  })

  it('of a release that nothing is signed of yet has no proofs, and says so', async () => {
    const its = await givenTrail({ connections: 4 })
    try {
      const { releaseId } = await givenRelease(its)
      await its.tamper('DELETE FROM "Checkpoint"')
      const now = await read(its, releaseId)
      expect(now.proofs).toBeNull()
      expect(renderDossier(now, 'en')).toContain('has no signed checkpoint yet')
      await expect(read(its, 99)).rejects.toThrow('there is no release #99')
    } finally {
      await its.end()
    }
  })
})
