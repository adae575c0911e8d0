// What the web process's database role can do to a version tag that Shiplock owes: nothing but its connection, against a forge.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { eventually, Shiplock } from '../given'

// A release, its merge, and a forge that is away for some attempts.
vi.setConfig({ testTimeout: 150_000 })

describe('a version tag against a web process that was taken over', () => {
  let shiplock: Shiplock
  let web: pg.Pool
  beforeAll(async () => {
    shiplock = await Shiplock.start()
    web = new pg.Pool({ connectionString: shiplock.webUrl, max: 2 })
    await shiplock.project()
  }, 120_000)
  afterAll(async () => {
    await web?.end()
    await shiplock?.close()
  })

  const rows = async <T extends object>(sql: string, values: unknown[] = []) =>
    (await shiplock.record.pool.query<T & pg.QueryResultRow>(sql, values)).rows
  const onForge = async () => {
    const tags = await shiplock.onForge<{ name: string; commit: { id: string } }[]>(
      'noor',
      'GET',
      `/projects/${encodeURIComponent('team/hello')}/repository/tags`,
    )
    return tags.map((t) => ({ name: t.name, commit: t.commit.id }))
  }
  /** A release whose tag the forge does not take for now. */
  async function owed(version: string) {
    shiplock.forge.misbehave({ api: [{ status: 502, times: 3, match: 'POST .*repository/tags' }] })
    await shiplock.verified(
      await shiplock.push(`release/${version}`, { [`www/${version}.html`]: version }),
      'prerelease',
    )
    const commit = await shiplock.merge(`release/${version}`, 'master')
    const tag = await eventually(
      'the tag is owed',
      async () =>
        (
          await rows<{ id: number; name: string }>(
            `SELECT id, name FROM "Tag" WHERE "commit" = $1 AND status = 'owed' AND attempts > 0`,
            [commit],
          )
        )[0],
      60_000,
      20,
    )
    return { ...tag, commit }
  }
  const EVIL = `UPDATE "Tag" SET "commit" = $1, name = 'V9.9_202611290000' WHERE id = $2 AND status = 'owed'`

  it('D3: the web process moves an owed tag nowhere, and it is made where it is owed', async () => {
    const evil = await shiplock.push('feature/evil', { 'www/index.html': 'evil\n' })
    const { id, name, commit } = await owed('1.0')
    for (const way of [EVIL, ...['"commit"', 'name'].map((c) => `UPDATE "Tag" SET ${c} = $1 WHERE id = $2`)])
      expect(await web.query(way, [evil, id]).catch((e: { code: string }) => e.code)).toBe('42501')
    await eventually(
      'it is made',
      async () =>
        (await rows<{ status: string }>('SELECT status FROM "Tag" WHERE id = $1', [id]))[0]?.status === 'made',
      60_000,
    )
    expect(await onForge()).toEqual([{ name, commit }])
    const [entry] = await rows<{ data: object }>(
      `SELECT data FROM "AuditEntry" WHERE kind = 'tag.owed' AND "subjectId" = $1`,
      [id],
    )
    expect(entry?.data).toEqual({ name, commit })
  })

  it('D3: a tag that is moved past the database’s guard is not made, and the worker says so', async () => {
    const evil = await shiplock.push('feature/evil-too', { 'www/index.html': 'evil too\n' })
    const { id, name } = await owed('1.1')
    await rows(EVIL, [evil, id])
    const ended = await eventually(
      'it is refused',
      async () => {
        const [now] = await rows<{ status: string; because: string }>(
          'SELECT status, because FROM "Tag" WHERE id = $1',
          [id],
        )
        return now?.status === 'refused' && now
      },
      60_000,
    )
    expect(ended.because).toContain(`the name that is owed is ${name}, and the record says V9.9_202611290000`)
    const told = await rows<{ kind: string }>(
      `SELECT kind FROM "AuditEntry" WHERE subject = 'tag' AND "subjectId" = $1 ORDER BY id DESC LIMIT 2`,
      [id],
    )
    expect(told.map((t) => t.kind).sort()).toEqual(['tag.refuse', 'tag.unexplained'])
    expect((await onForge()).map((t) => t.commit)).not.toContain(evil)
  })
})
