import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { acceptDatabase } from '../../audit/accept'
import { canonical, type Json } from '../../audit/canonical'
import { verifyNote } from '../../audit/checkpoint'
import { type Body, commitment, readBody } from '../../audit/entry'
import { follow, start } from '../../audit/follow'
import { forgetName } from '../../audit/forget'
import { inclusionProof, rootOf, verifyInclusion } from '../../audit/tree'
import { RUN } from '../../pipelines/run'
import { NOW, record, SHIPLOCK, tell, transaction } from '../../prisma/record'
import { CHECKPOINT_DUE, watchTrail } from '../../worker/checkpoint'
import { type GivenTrail, givenTrail, MIA, rechain } from './given-trail'

let trail: GivenTrail
let complaints: string[]
beforeEach(async () => {
  trail = await givenTrail()
  complaints = []
  vi.spyOn(console, 'error').mockImplementation((...words) => void complaints.push(words.join(' ')))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await trail?.end()
})

const kinds = async () => {
  const { rows } = await trail.record.pool.query<{ kind: string }>('SELECT kind FROM "AuditEntry" ORDER BY id')
  return rows.map((r) => r.kind)
}
const followed = () =>
  trail.record.pool.connect().then((c) => follow(c, start(), trail.origin).finally(() => c.release()))

describe('the chain', () => {
  it('32 writers at once, aborts and a killed connection leave no gap', async () => {
    const { pool } = trail.record
    let committed = 0
    const writer = async (n: number) => {
      for (let i = 0; i < 12; i++) {
        const client = await pool.connect()
        let broken: Error | undefined
        const isKilled = n === 7 && i === 5
        if (isKilled) client.on('error', () => {}) // its query is told as well
        try {
          await client.query('BEGIN')
          await tell(client, { kind: 'note.make', subject: 'run', subjectId: n, by: SHIPLOCK, data: { n, i } })
          if (i % 3 === 0)
            await tell(client, {
              kind: 'note.make',
              subject: 'run',
              subjectId: n,
              by: MIA,
              data: { n, i, second: true },
            })
          if (isKilled)
            await pool.query('SELECT pg_terminate_backend($1)', [
              (client as unknown as { processID: number }).processID,
            ])
          const abort = (n + i) % 4 === 0
          await client.query(abort ? 'ROLLBACK' : 'COMMIT')
          if (!abort) committed += i % 3 === 0 ? 2 : 1
        } catch (error) {
          if (!isKilled) throw error
          broken = error as Error
        } finally {
          client.release(broken)
        }
      }
    }
    await Promise.all(Array.from({ length: 32 }, (_, n) => writer(n)))
    const leaves = await trail.leaves()
    expect(leaves.map((l) => l.seq)).toEqual(leaves.map((_, i) => i))
    expect(leaves.length).toBe(committed)
    expect(await followed()).toHaveProperty('frontier.size', committed)
  })

  it('every change of a status is one entry of the chain, and every entry is one change', async () => {
    const { pool } = trail.record
    await pool.query(
      `INSERT INTO "Project" (forge, "forgeUrl", path, name, "tokenSealed", hook, "hookSealed", "createdBy", status)
       VALUES ('gitlab', 'https://gitlab.example.com', 'team/hello', 'hello', '', 'h', '', 'account:1', 'connected')`,
    )
    await pool.query(
      `INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", "commit", before, title, status)
       SELECT p.id, 'k' || n, 'hello', 'develop', 'develop', md5(n::text) || '00000000', '', 'Change', 'queued' FROM "Project" p, generate_series(1, 12) n`,
    )
    const { rows: runs } = await pool.query<{ id: number }>('SELECT id FROM "Run" ORDER BY id')
    const changes: string[] = []
    const take = async (id: number, from: keyof typeof RUN, event: string) => {
      const row = await transaction(trail.record, (tx) =>
        record(tx, 'run', RUN as never, {
          id,
          from: from as never,
          event: event as never,
          by: SHIPLOCK,
          set: { dueAt: NOW },
        }),
      )
      if (row !== null) changes.push(`run ${id} ${from} ${row.status}`)
    }
    // Each arrow of each run is asked for by three at once, and taken by one.
    for (let round = 0; round < 4; round++)
      await Promise.all(
        runs.flatMap(({ id }) =>
          (Object.keys(RUN) as (keyof typeof RUN)[]).flatMap((from) => {
            const events = Object.keys(RUN[from])
            const event = events[(id + round) % Math.max(1, events.length)]
            return event === undefined ? [] : [take(id, from, event), take(id, from, event), take(id, from, event)]
          }),
        ),
      )
    expect(changes.length).toBeGreaterThan(runs.length)
    const { rows } = await pool.query<{ body: Buffer; entries: string; id: string }>(
      `SELECT l.body, e.id, count(*) OVER (PARTITION BY l."entryId") AS entries FROM "AuditEntry" e FULL JOIN "AuditLeaf" l ON l."entryId" = e.id ORDER BY l.seq`,
    )
    const bodies = rows.map((r) => readBody(r.body) as Body)
    expect(rows.filter((r) => r.id === null || r.body === null || r.entries !== '1')).toEqual([])
    expect(bodies.map((b) => `${b.subject.kind} ${b.subject.id} ${b.before} ${b.after}`).sort()).toEqual(changes.sort())
    for (const { id } of runs) {
      const mine = bodies.filter((b) => b.subject.id === id)
      expect(mine.slice(1).map((b) => b.before)).toEqual(mine.slice(0, -1).map((b) => b.after))
      const { rows: now } = await pool.query('SELECT status FROM "Run" WHERE id = $1', [id])
      expect(mine.at(-1)?.after ?? 'queued').toBe(now[0].status)
    }
  })

  it('bytes, leaf and link recompute, whatever the words; the bytes are canonical JSON', async () => {
    const data = {
      ünï: 'should not be a key, and is',
      b: [1, 0, 9007199254740991, { z: null, a: true }],
      a: '发布 "q" \\ / \b\t\n\f\r\u0001\u001f\u007f\u2028 😀 e\u0301',
      '': '',
    }
    await transaction(trail.record, (tx) =>
      tell(tx, {
        kind: 'note.make',
        subject: 'run',
        subjectId: 1,
        by: { actor: 'forge:17', actorName: 'Ünal "x" 😀' },
        because: 'a\n"b" 发布',
        data,
      }),
    )
    await trail.tells(3)
    const leaves = await trail.leaves()
    let prev = ''
    for (const { body, leaf, seq } of leaves) {
      const read = readBody(body) as Body
      expect(
        createHash('sha256')
          .update(Buffer.from([0]))
          .update(body)
          .digest(),
      ).toEqual(leaf)
      expect(read).toMatchObject({ seq, prev, origin: trail.origin, writer: 'owner' })
      expect(body.toString()).toBe(canonical(read as unknown as Json))
      prev = leaf.toString('hex')
    }
    expect(readBody(leaves[0]?.body as Buffer)?.data).toEqual(data)
    expect(await followed()).toHaveProperty('frontier.size', 4)
  })
})

describe('a checkpoint', () => {
  it('D3: is signed whatever the web process wrote into its own entries', async () => {
    const append = (data: string) =>
      trail.record.pool.query(
        `SELECT audit_append('session.open', 'account:3', 'Mia Chen', NULL::int, 'account', 3, NULL::int, NULL, NULL, '', $1::jsonb)`,
        [data],
      )
    await append('{"z":1e400,"a":{"c":-1e999,"b":1.50}}')
    // As deep as the database takes it.
    for (const depth of [50, 100, 200, 400, 800, 1_600, 3_200])
      await append(`{"x":${'['.repeat(depth)}${']'.repeat(depth)}}`).then(
        () => undefined,
        (error: { code: string }) => expect(error.code).toBe('54001'),
      )
    await trail.worker().signs()
    expect(complaints).toEqual([])
    expect((await trail.sizes()).at(-1)).toBeGreaterThan(1)
    await trail.tamper(
      `UPDATE "AuditEntry" SET data = '{"z":1e400,"a":{"c":1e999,"b":1.50}}' WHERE id = (SELECT min(id) FROM "AuditEntry")`,
    )
    await expect(followed()).resolves.toMatchObject({ because: expect.stringContaining('says another "data"') })
  })

  it('has, at every size that was signed, the root of the entries up to there', async () => {
    const { signs } = trail.worker()
    for (const n of [1, 1, 2, 3, 5, 500]) {
      await trail.tells(n)
      await signs()
    }
    const leaves = (await trail.leaves()).map((l) => l.leaf)
    expect(await trail.sizes()).toEqual([1, 2, 4, 7, 12, 512])
    const heads = trail.notes().map((note) => verifyNote(note, [trail.publicKey], trail.origin))
    expect(heads.map((h) => h?.size)).toEqual([1, 2, 4, 7, 12, 512])
    expect(heads.map((h) => h?.root)).toEqual(heads.map((h) => rootOf(leaves.slice(0, h?.size))))
    const { rows } = await trail.record.pool.query('SELECT note FROM "Checkpoint" ORDER BY size')
    expect(rows.map((r) => r.note)).toEqual(trail.notes())
  })

  it('is not made twice for one size, nor for nothing', async () => {
    await trail.worker().signs()
    expect(await trail.sizes()).toEqual([])
    await trail.tells(2)
    const { signs } = trail.worker()
    await Promise.all([signs(), signs(), trail.worker().signs(), trail.worker().signs()])
    await trail.worker().signs()
    expect(await trail.sizes()).toEqual([2])
    expect(trail.notes().length).toBe(1)
    expect(complaints).toEqual([])
  })

  it('is due for the first entry, after 256 more, and for any that is older than a minute', async () => {
    const due = async () => (await trail.record.pool.query(CHECKPOINT_DUE)).rows
    expect(await due()).toEqual([])
    await trail.tells(1)
    expect(await due()).toEqual([{ id: 1, epoch: 1 }])
    const { signs } = trail.worker()
    await signs()
    await trail.tells(255)
    expect(await due()).toEqual([])
    await trail.tells(1)
    expect(await due()).toEqual([{ id: 1, epoch: 257 }])
    await signs()
    await trail.tells(1)
    expect(await due()).toEqual([])
    await trail.tamper(`UPDATE "Checkpoint" SET at = at - interval '1 minute'`)
    expect(await due()).toEqual([{ id: 1, epoch: 258 }])
    await signs()
    expect(await due()).toEqual([])
  })

  it('is rung for at once when a door was opened', async () => {
    const { pool } = trail.record
    const ear = await pool.connect()
    const rung: string[] = []
    ear.on('notification', (n) => void rung.push(n.payload ?? ''))
    await ear.query('LISTEN shiplock')
    await trail.tells(1)
    await transaction(trail.record, (tx) =>
      tell(tx, { kind: 'environment.stop', subject: 'environment', subjectId: 1, by: MIA }),
    )
    await expect.poll(() => rung).toEqual(['trail:2:due'])
    await trail.worker().signs()
    await expect.poll(() => rung).toEqual(['trail:2:due', 'trail:2:signed'])
    ear.release(true)
  })
})

describe('the signer', () => {
  /** The last word of a trail that was signed at 6 entries, after something was done to it. */
  async function refused(worker = trail.worker()) {
    const before = await trail.sizes()
    const notes = trail.notes()
    await worker.signs()
    expect(await trail.sizes()).toEqual(before)
    expect(trail.notes()).toEqual(notes)
    return complaints.at(-1)
  }
  const signed = async (entries = 6) => {
    await trail.tells(entries)
    const worker = trail.worker()
    await worker.signs()
    expect((await trail.sizes()).at(-1)).toBe(entries)
    return worker
  }
  const cut = (from: number) =>
    trail.tamper(`WITH l AS (DELETE FROM "AuditLeaf" WHERE seq >= ${from} RETURNING "entryId")
      DELETE FROM "AuditEntry" WHERE id IN (SELECT "entryId" FROM l)`)

  it('refuses a trail that is shorter than the one it signed, and says so loudly, once in the trail', async () => {
    const worker = await signed()
    await cut(4)
    await trail.tamper('DELETE FROM "Checkpoint"')
    expect(await refused(worker)).toContain(
      'THE TRAIL IS NOT SIGNED ANY MORE: the trail has 4 entries, and 6 were signed',
    )
    expect((await kinds()).filter((k) => k === 'trail.alarm')).toEqual(['trail.alarm'])
    await refused()
    await refused()
    expect(complaints.length).toBe(3)
    expect((await kinds()).filter((k) => k === 'trail.alarm')).toEqual(['trail.alarm'])
  })

  it('refuses one that was cut and has grown again, to the same size and beyond', async () => {
    const worker = await signed()
    await cut(4)
    await trail.tells(2)
    expect(await refused(worker)).toContain('entry 5 is another one than was signed')
    expect(await refused()).toContain('the checkpoint over 6 entries has another root than they have')
    await trail.tells(5)
    expect(await refused()).toContain('the checkpoint over 6 entries has another root')
    await trail.tamper('DELETE FROM "Checkpoint"')
    expect(await refused()).toContain('the first 6 entries are not those that were signed')
  })

  it('refuses a fork that nobody could tell from inside the database', async () => {
    await signed()
    await trail.tamper('DELETE FROM "Checkpoint"')
    await rechain(trail, 2, (body) => ({ ...body, because: 'nothing happened here' }))
    expect(await followed()).toHaveProperty('frontier.size', 6)
    expect(await refused()).toContain('the first 6 entries are not those that were signed')
  })

  it.each<[string, string, string]>([
    [
      'bytes',
      `UPDATE "AuditLeaf" SET body = set_byte(body, 40, 65) WHERE seq = 2`,
      'the bytes of entry 2 are not those that were chained',
    ],
    [
      'bytes and their leaf',
      `UPDATE "AuditLeaf" SET body = b, leaf = sha256('\\x00'::bytea || b) FROM (SELECT convert_to(replace(convert_from(body, 'UTF8'), 'note', 'nope'), 'UTF8') AS b FROM "AuditLeaf" WHERE seq = 2) x WHERE seq = 2`,
      'the row of entry 2 says another "kind"',
    ],
    [
      'a row',
      `UPDATE "AuditEntry" SET because = 'something else' WHERE id = (SELECT "entryId" FROM "AuditLeaf" WHERE seq = 3)`,
      'the row of entry 3 says another "because"',
    ],
    [
      'when it was',
      `UPDATE "AuditEntry" SET at = at - interval '1 day' WHERE id = (SELECT "entryId" FROM "AuditLeaf" WHERE seq = 3)`,
      'the row of entry 3 says another "at"',
    ],
    [
      'its data',
      `UPDATE "AuditEntry" SET data = '{"i": 77}' WHERE id = (SELECT "entryId" FROM "AuditLeaf" WHERE seq = 3)`,
      'the row of entry 3 says another "data"',
    ],
    [
      'who it was',
      `UPDATE "AuditEntry" SET "actorName" = 'Omar' WHERE id = (SELECT "entryId" FROM "AuditLeaf" WHERE seq = 1)`,
      'the row of entry 1 says another "name"',
    ],
    ['one left out', `DELETE FROM "AuditLeaf" WHERE seq = 4`, 'is not in the chain'],
    [
      'one left out altogether',
      `WITH l AS (DELETE FROM "AuditLeaf" WHERE seq = 4 RETURNING "entryId") DELETE FROM "AuditEntry" WHERE id IN (SELECT "entryId" FROM l)`,
      'entry 4 is missing, the next one is 5',
    ],
    [
      'one put in beside the chain',
      `INSERT INTO "AuditEntry" (kind, actor, "actorName", subject, "subjectId") VALUES ('promotion.verify', 'shiplock', 'Shiplock', 'promotion', 1)`,
      'is not in the chain',
    ],
    [
      'two swapped',
      `UPDATE "AuditLeaf" SET seq = 9 WHERE seq = 1; UPDATE "AuditLeaf" SET seq = 1 WHERE seq = 2; UPDATE "AuditLeaf" SET seq = 2 WHERE seq = 9`,
      'the bytes of entry 1 are no entry of that number',
    ],
    [
      'a checkpoint',
      `UPDATE "Checkpoint" SET root = sha256('x') WHERE size = 6`,
      'the checkpoint over 6 entries is not signed by',
    ],
  ])('a restarted worker refuses what was edited: %s', async (_what, sql, because) => {
    await signed()
    await trail.tamper(sql)
    expect(await refused()).toContain(because)
  })

  it('refuses a head file that was tampered with, and a trail of another installation', async () => {
    const worker = await signed()
    const file = join(trail.dir, 'head.json')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('"size":6', '"size":5'))
    expect(await refused(worker)).toContain('head.json cannot be read: what it holds does not fit together')
    writeFileSync(file, text)
    await trail.tamper(`UPDATE "Installation" SET origin = 'shiplock/other'`)
    await trail.tells(1)
    expect(await refused()).toContain('entry 7 is of another trail')
  })

  it('remembers by its own file of checkpoints where the head file is gone', async () => {
    await signed()
    rmSync(join(trail.dir, 'head.json'))
    await cut(4)
    await trail.tamper('DELETE FROM "Checkpoint"')
    expect(await refused()).toContain('the trail has 4 entries, and 6 were signed')
  })

  it('killed between the memory and the signature, it signs the same again, and nothing smaller', async () => {
    await trail.tells(3)
    const dying = trail.worker({
      sign: () => {
        expect(JSON.parse(readFileSync(join(trail.dir, 'head.json'), 'utf8'))).toMatchObject({ size: 3 })
        throw new Error('killed')
      },
    })
    await expect(dying.signs()).rejects.toThrow('killed')
    expect(await trail.sizes()).toEqual([])
    expect(existsSync(join(trail.dir, 'checkpoints.txt'))).toBe(false)
    await trail.worker().signs()
    expect(await trail.sizes()).toEqual([3])
    await trail.tells(1)
    await expect(
      trail
        .worker({
          sign: () => {
            throw new Error('killed')
          },
        })
        .signs(),
    ).rejects.toThrow('killed')
    await cut(3)
    expect(await refused()).toContain('the trail has 3 entries, and 4 were signed')
  })

  it('killed between the file and the record, it does not write the note twice', async () => {
    await trail.tells(3)
    await trail.worker().signs()
    await trail.tamper('DELETE FROM "Checkpoint"')
    await trail.worker().signs()
    expect(await trail.sizes()).toEqual([3])
    expect(trail.notes().length).toBe(1)
  })

  it('signs nothing with a key that is not the one of the public keys', async () => {
    await trail.tells(1)
    const other = await givenTrail()
    try {
      await expect(trail.worker(other.signer).signs()).rejects.toThrow('trail.key is not the key that stands last')
      expect(await trail.sizes()).toEqual([])
    } finally {
      await other.end()
    }
  })

  it('says once that it is signed again, also where another process accepted the database', async () => {
    const worker = await signed()
    await cut(4)
    await trail.tamper('DELETE FROM "Checkpoint"')
    await refused(worker)
    const trust = { origin: trail.origin, keys: [trail.publicKey] }
    await acceptDatabase(trail.record.pool, { dir: trail.dir, trust, by: MIA, because: 'the disk failed' })
    for (let looks = 0; looks < 3; looks++) expect(await watchTrail(worker.context)).toBeNull()
    expect(complaints.slice(1)).toEqual(['The trail is signed again: the database continues what was signed.'])
  })

  it('goes on where the right database was put back, and tells a later alarm again', async () => {
    await signed()
    await trail.tamper('UPDATE "AuditEntry" SET kind = \'x\' || kind WHERE id = (SELECT min(id) FROM "AuditEntry")')
    await refused()
    await trail.tamper('UPDATE "AuditEntry" SET kind = substr(kind, 2) WHERE id = (SELECT min(id) FROM "AuditEntry")')
    await trail.worker().signs()
    expect(complaints.at(-1)).toBe('The trail is signed again: the database continues what was signed.')
    expect((await trail.sizes()).at(-1)).toBe(7) // the alarm itself
    await trail.tamper('UPDATE "AuditEntry" SET kind = \'x\' || kind WHERE id = (SELECT min(id) FROM "AuditEntry")')
    await refused()
    expect((await kinds()).filter((k) => k === 'trail.alarm').length).toBe(2)
  })
})

describe('forgetting a person', () => {
  it('takes the name away everywhere, and every proof holds', async () => {
    await trail.tells(5)
    await trail.tells(3, { actor: 'account:4', actorName: 'Omar Haddad' })
    await trail.worker().signs()
    const { rows: names } = await trail.record.pool.query<{ salt: Buffer; name: string; commitment: string }>(
      'SELECT * FROM "AuditName" WHERE actor = $1',
      [MIA.actor],
    )
    expect(names.map((n) => commitment(n.salt, n.name))).toEqual(names.map((n) => n.commitment))
    expect(await forgetName(trail.record.pool, MIA.actor)).toBe(5)

    const { rows: shown } = await trail.record.pool.query(
      'SELECT actor, "actorName" AS name, count(*)::int AS n FROM "AuditEntry" GROUP BY 1, 2 ORDER BY 1',
    )
    expect(shown).toEqual([
      { actor: 'account:3', name: '', n: 5 },
      { actor: 'account:4', name: 'Omar Haddad', n: 3 },
    ])
    const { rows: everything } = await trail.record.pool.query(
      `SELECT (SELECT string_agg(convert_from(body, 'UTF8'), '') FROM "AuditLeaf") || (SELECT string_agg(n::text, '') FROM "AuditName" n) || (SELECT string_agg(e::text, '') FROM "AuditEntry" e) AS text`,
    )
    expect(everything[0].text).not.toContain('Mia')
    const leaves = await trail.leaves()
    const hashes = leaves.map((l) => l.leaf)
    const [head] = trail.notes().map((note) => verifyNote(note, [trail.publicKey], trail.origin))
    const holds = leaves.map(({ body, seq }) =>
      verifyInclusion({ body, index: seq, size: 8, proof: inclusionProof(hashes, seq), root: head?.root as Buffer }),
    )
    expect(holds).toEqual(leaves.map(() => true))
    // The signer goes on, restarted or not, and the same person has a name again in what they do from now on.
    await trail.tells(1)
    await trail.worker().signs()
    expect(await trail.sizes()).toEqual([8, 9])
    expect(complaints).toEqual([])
  })

  it('while they act: no entry is left with a name that the signer takes for forged', async () => {
    const acting = Promise.all(Array.from({ length: 8 }, () => trail.tells(15)))
    for (let i = 0; i < 10; i++) await forgetName(trail.record.pool, MIA.actor)
    await acting
    await trail.worker().signs()
    expect(await trail.sizes()).toEqual([120])
  })
})
