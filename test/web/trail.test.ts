import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { verifyNote } from '../../audit/checkpoint'
import { leafHash, rootFromInclusion } from '../../audit/tree'
import type { Context } from '../../pipelines/context'
import { SHIPLOCK, tell, transaction } from '../../prisma/record'
import { checkpoint } from '../../worker/checkpoint'
import { openTown, type Town } from './browser'

let town: Town
let dir: string
beforeAll(async () => {
  town = await openTown()
  dir = mkdtempSync(join(tmpdir(), 'shiplock-trail-'))
})
afterAll(async () => {
  await town?.close()
  rmSync(dir, { recursive: true, force: true })
})
afterEach(() => expect(town.complaints()).toEqual([]))

/** What a worker does each minute. The signer looks at nothing else of it. */
const signs = () => {
  const { record, signer, trust } = town
  const context = { record, signer, trust, trail: dir, worker: 'w1', stopping: new AbortController().signal }
  return checkpoint(context as unknown as Context)
}
const tells = (because: string, more: Partial<Parameters<typeof tell>[1]> = {}) =>
  transaction(town.record, (tx) =>
    tell(tx, {
      kind: 'environment.hold',
      subject: 'environment',
      subjectId: 12,
      projectId: 1,
      by: { actor: 'account:5', actorName: 'olga' },
      because,
      ...more,
    }),
  )
const entries = (page: Page) => page.getByRole('list', { name: /^Entries/ }).getByRole('listitem')

describe('the trail', () => {
  it('says how much of it is signed, and goes on by itself', async () => {
    const page = await town.visit('ann', '/trail')
    await page.getByText(/entries, none of them signed yet/).waitFor()
    await page.getByRole('status').getByText('Live').waitFor()
    await signs()
    await page.getByText('All of them are in a signed checkpoint.', { exact: false }).waitFor()
    expect(await entries(page).first().getByText('In a signed checkpoint').count()).toBe(1)
    await tells('Held for the harbour festival')
    await transaction(town.record, (tx) => tx.query(`SELECT pg_notify('shiplock', 'environment:12:held')`))
    await page.getByText('Held for the harbour festival').waitFor()
    await entries(page).first().getByText('Not signed yet').waitFor({ state: 'attached' })
    await signs()
    await entries(page).first().getByText('In a signed checkpoint').waitFor({ state: 'attached' })
    await page.context().close()
  })

  it('is filtered by person, project, environment, release, kind and day, and the address keeps it', async () => {
    await tells('Olga holds it')
    await tells('Shiplock holds it', { by: SHIPLOCK })
    const page = await town.visit('ann', '/trail')
    const form = page.getByRole('form', { name: 'Which entries' })
    await form.getByLabel('Person').selectOption({ label: 'olga (account:5)' })
    await form.getByLabel('Kind').selectOption('environment.hold')
    await form.getByRole('button', { name: 'Filter' }).click()
    await page.waitForURL(/person=account%3A5/)
    await page.getByText('Olga holds it').waitFor()
    expect(await page.getByText('Shiplock holds it').count()).toBe(0)
    const kinds = await entries(page)
      .getByRole('link', { name: /^environment\.hold/ })
      .count()
    expect(kinds).toBe(await entries(page).count())
    await form.getByLabel('From day').fill('2999-01-01')
    await form.getByRole('button', { name: 'Filter' }).click()
    await page.getByRole('heading', { name: 'No entry fits' }).waitFor()
    expect(await form.getByLabel('Kind').inputValue()).toBe('environment.hold')
    await form.getByRole('link', { name: 'Clear' }).click()
    await page.getByText('Shiplock holds it').waitFor()
    const offered = async (name: string) =>
      (await form.getByLabel(name, { exact: true }).locator('option').allTextContents()).length
    for (const name of ['Project', 'Environment', 'Release']) expect(await offered(name), name).toBeGreaterThan(1)
    await form.getByLabel('Environment', { exact: true }).selectOption({ label: 'Production' })
    await form.getByRole('button', { name: 'Filter' }).click()
    await page.waitForURL(/environment=production/)
    await entries(page).first().waitFor()
    expect(await entries(page).count()).toBe(await entries(page).getByText('Production', { exact: true }).count())
    await page.context().close()
  })

  it('follows a release from its first run on', async () => {
    const page = await town.visit('ann', '/trail')
    const { rows } = await town.record.pool.query<{ id: number; tag: string; n: number }>(
      `SELECT r.id, r.tag, count(*)::int AS n FROM "Release" r JOIN "AuditEntry" e ON e."releaseId" = r.id GROUP BY r.id ORDER BY n DESC, r.id LIMIT 1`,
    )
    const [release] = rows
    expect(release?.n).toBeGreaterThan(0)
    await page.goto(`${town.url}/trail?release=${release?.id}`)
    await page.getByText(`${release?.tag} from its first run to where it is now.`).waitFor()
    const at = await entries(page)
      .locator('time')
      .evaluateAll((times) => times.map((time) => time.getAttribute('datetime') ?? ''))
    expect(at.length).toBeGreaterThanOrEqual(Math.min(25, release?.n ?? 0))
    expect(at).toEqual([...at].sort())
    await page.context().close()
  })

  it('an entry opens with its exact bytes, which anybody can check against the checkpoint', async () => {
    await tells('发布前 "hold"')
    await signs()
    const page = await town.visit('ann', '/trail')
    await entries(page)
      .filter({ hasText: '发布前' })
      .first()
      .getByRole('link', { name: /^environment\.hold/ })
      .click()
    await page.getByRole('heading', { name: 'Its exact bytes' }).waitFor()
    const seq = Number(page.url().split('/').at(-1))
    const shown = (await page.getByRole('region', { name: 'Its exact bytes' }).locator('code').textContent()) ?? ''
    const { rows } = await town.record.pool.query<{ body: Buffer; leaf: Buffer }>(
      'SELECT body, leaf FROM "AuditLeaf" WHERE seq = $1',
      [seq],
    )
    expect(Buffer.from(shown)).toEqual(rows[0]?.body)
    const leaf = createHash('sha256')
      .update(Buffer.concat([Buffer.from([0]), Buffer.from(shown)]))
      .digest('hex')
    await page.getByText(`${leaf} -`).waitFor()

    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download bytes' }).click(),
    ])
    expect(download.suggestedFilename()).toBe(`entry-${seq}.json`)
    const proof = await page.evaluate(async (path) => (await fetch(path)).text(), `/api/v1/trail/${seq}/proof`)
    const lines = proof.split('\n')
    const hashes = lines.slice(2, lines.indexOf('')).map((line) => Buffer.from(line, 'base64'))
    const head = verifyNote(lines.slice(lines.indexOf('') + 1).join('\n'), town.trust.keys, town.trust.origin)
    expect(rootFromInclusion(leafHash(rows[0]?.body as Buffer), seq, head?.size ?? 0, hashes)).toEqual(head?.root)
    await page.getByRole('link', { name: 'Entry before' }).click()
    await page.waitForURL(`**/trail/${seq - 1}`)
    await page.context().close()
  })

  it('warns where a row is not what was chained', async () => {
    await tells('As it was')
    const { pool } = town.record
    await pool.query('ALTER TABLE "AuditEntry" DISABLE TRIGGER ALL')
    await pool.query(`UPDATE "AuditEntry" SET because = 'As it never was' WHERE because = 'As it was'`)
    await pool.query('ALTER TABLE "AuditEntry" ENABLE TRIGGER ALL')
    const page = await town.visit('ann', '/trail')
    await entries(page)
      .filter({ hasText: 'As it never was' })
      .getByText('The row says another “because” than the bytes')
      .waitFor()
    await entries(page)
      .filter({ hasText: 'As it never was' })
      .getByRole('link', { name: /^environment\.hold/ })
      .click()
    await page.getByRole('alert').getByText('Do not believe the row').waitFor()
    await page.getByText('"because":"As it was"', { exact: false }).waitFor()
    await pool.query(`ALTER TABLE "AuditEntry" DISABLE TRIGGER ALL`)
    await pool.query(`UPDATE "AuditEntry" SET because = 'As it was' WHERE because = 'As it never was'`)
    await pool.query('ALTER TABLE "AuditEntry" ENABLE TRIGGER ALL')
    await page.context().close()
  })

  it('warns where the newest entries are not signed in time', async () => {
    await signs()
    await tells('Nobody signs this')
    const { pool } = town.record
    await pool.query('ALTER TABLE "AuditEntry" DISABLE TRIGGER ALL')
    await pool.query(`UPDATE "AuditEntry" SET at = at - interval '5 minutes' WHERE because = 'Nobody signs this'`)
    await pool.query('ALTER TABLE "AuditEntry" ENABLE TRIGGER ALL')
    const page = await town.visit('ann', '/trail')
    const alert = page.getByRole('alert').filter({ hasText: 'The trail is not signed in time' })
    await alert.getByText(/One newer entry is not signed yet, for 5m/).waitFor()
    // Numbers begin at 0: the counts and the numbers of the entries must fit together all the same.
    const said = /(\d+) entries \(0 to (\d+)\), (\d+) of them signed \(0 to (\d+)\)/.exec(
      (await alert.textContent()) ?? '',
    )
    const [all, newest, signed, last] = (said ?? []).slice(1).map(Number)
    expect(all).toBeGreaterThan(1)
    expect([newest, signed, last]).toEqual([Number(all) - 1, Number(all) - 1, Number(all) - 2])
    await page.context().close()
  })

  it('shows what concerns no project to administrators alone', async () => {
    await transaction(town.record, (tx) =>
      tell(tx, { kind: 'session.open', subject: 'session', subjectId: 1, by: SHIPLOCK, because: 'Somebody signed in' }),
    )
    const ann = await town.visit('ann', '/trail')
    await ann.getByText('Somebody signed in').first().waitFor()
    const path = await entries(ann)
      .filter({ hasText: 'Somebody signed in' })
      .first()
      .getByRole('link', { name: /^session\.open/ })
      .getAttribute('href')
    await ann.context().close()
    const dev = await town.visit('dev', '/trail')
    await entries(dev).first().waitFor()
    expect(await dev.getByText('Somebody signed in').count()).toBe(0)
    const answer = await dev.goto(town.url + path)
    expect(answer?.status()).toBe(404)
    expect(town.complaints().every((c) => c.includes('404'))).toBe(true)
    await dev.context().close()
  })

  it('is taken away whole by who may, and who may not is told why', async () => {
    const page = await town.visit('ann', '/trail')
    const coming = page.waitForEvent('download')
    await signs()
    await page.getByRole('link', { name: 'Export' }).click()
    expect((await coming).suggestedFilename()).toMatch(/\.zip$/)
    await page.context().close()
    const other = await town.visit('vera', '/trail')
    const button = other.getByRole('button', { name: 'Export' })
    expect(await button.isDisabled()).toBe(true)
    await other.getByText(/It is for: .*Auditor/).waitFor()
    await other.context().close()
  })

  it('is followed from a release and from a promotion', async () => {
    const { id, releaseId } = await town.record.db.promotion.findFirstOrThrow({ select: { id: true, releaseId: true } })
    const page = await town.visit('vera', `/promotions/${id}`)
    await page.getByRole('link', { name: /^Follow V.* in the trail$/ }).waitFor()
    await page.goto(`${town.url}/releases/${releaseId}`)
    await page.getByRole('link', { name: /^Follow V.* in the trail$/ }).click()
    await page.getByText(/from its first run to where it is now/).waitFor()
    await page.context().close()
  })
})
