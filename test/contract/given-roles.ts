// A database with the roles of the two processes, and a row of everything: what each may do, and what the other makes of it.
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { provisionRoles } from '../../prisma/roles'
import { freshDatabase } from '../database'
import { type GivenRecord, givenRecord } from '../given-record'

export interface GivenRoles extends GivenRecord {
  owner: pg.Client
  web: pg.Client
  /** As a worker has it. */
  record: RecordHandle
  /** As an entry that the web process wrote before the database refused it. */
  planted(entry: { kind: string; subject: string; id: number; actor?: string; data?: object }): Promise<void>
  close(): Promise<void>
}

export async function givenRoles(): Promise<GivenRoles> {
  const db = await freshDatabase()
  const roles = await provisionRoles(db.url, randomBytes(4).toString('hex'))
  if ('why' in roles) throw new Error(roles.why)
  const given = await givenRecord(db.url)
  const owner = new pg.Client({ connectionString: db.url })
  const web = new pg.Client({ connectionString: roles.webUrl })
  await Promise.all([owner.connect(), web.connect()])
  const record = openRecord(roles.workerUrl, { max: 2 })
  return {
    ...given,
    owner,
    web,
    record,
    async planted({ kind, subject, id, actor = 'account:1', data = {} }) {
      await owner.query('ALTER TABLE "AuditEntry" DISABLE TRIGGER "AuditEntry_fill"')
      await owner.query(
        `INSERT INTO "AuditEntry" (kind, actor, "actorName", subject, "subjectId", data, writer) VALUES ($1, $2, 'mia', $3, $4, $5, 'web')`,
        [kind, actor, subject, id, JSON.stringify(data)],
      )
      await owner.query('ALTER TABLE "AuditEntry" ENABLE ALWAYS TRIGGER "AuditEntry_fill"')
    },
    async close() {
      await record.close()
      await web.end()
      const names = [roles.webUrl, roles.workerUrl].map((url) => `"${new URL(url).username}"`).join(', ')
      await owner.query(`DROP OWNED BY ${names} CASCADE`)
      await owner.query(`DROP ROLE ${names}`)
      await owner.end()
      await db.drop()
    },
  }
}
