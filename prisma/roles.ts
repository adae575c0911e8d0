// The database roles of the two processes. Neither owns anything of the record, and what the web process may write stands in
// one table. Made anew at every start of Shiplock, with passwords that live no longer than it does.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import pg from 'pg'
import type { RecordHandle } from './client'
import { withConnection } from './connections'
import { grantsFor, promises } from './rights'

/** One process at a time: two that grant at once would disturb each other. */
const LOCK = 72707370

export interface RoleUrls {
  webUrl: string
  workerUrl: string
}

/**
 * Makes sure that web and worker have roles of their own on a database that is migrated, with exactly their rights.
 * @param ownerUrl of the role that owns the tables
 * @param instance name of the installation: its roles are `shiplock_<instance>_web` and `shiplock_<instance>_worker`
 * @param given roles that somebody else made, where the owner may make none; their names end in `_web` and `_worker`
 * @returns `why`: a sentence that says what is in the way, and what to do; then nothing was changed
 */
export async function provisionRoles(
  ownerUrl: string,
  instance: string,
  given: Partial<RoleUrls> = {},
): Promise<RoleUrls | { why: string }> {
  const wanted = namesOf(instance, given)
  if ('why' in wanted) return wanted
  const { web, worker } = wanted
  const config = { connectionString: ownerUrl, connectionTimeoutMillis: 10_000, query_timeout: 60_000 }
  try {
    // What is not committed when the connection ends is rolled back.
    return await withConnection(config, async (db) => {
      await db.query('BEGIN')
      await db.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
      const urls = given.webUrl && given.workerUrl ? { webUrl: given.webUrl, workerUrl: given.workerUrl } : null
      const made = urls ?? (await makeRoles(db, ownerUrl, web, worker))
      await db.query(await grantsFor(db, web, worker))
      const broken = await promises(db, web, worker)
      if (broken.length > 0) return { why: `the roles may more than they should: ${broken.join('; ')}` }
      await db.query('COMMIT')
      return made
    })
  } catch (error) {
    // Not allowed to make a role, to grant, or to take over the queue's tables; or a role that is not there.
    if (!(error instanceof pg.DatabaseError && ['42501', '42704'].includes(error.code ?? ''))) throw error
    return { why: byHand(error.message, given) }
  }
}

function namesOf(instance: string, given: Partial<RoleUrls>): { web: string; worker: string } | { why: string } {
  if (!given.webUrl && !given.workerUrl) {
    if (!/^[0-9a-z]{1,32}$/.test(instance)) throw new Error(`not the name of an installation: ${instance}`)
    return { web: `shiplock_${instance}_web`, worker: `shiplock_${instance}_worker` }
  }
  const [web, worker] = [given.webUrl, given.workerUrl].map((url) => (url && URL.canParse(url) ? userOf(url) : ''))
  if (!web?.endsWith('_web') || !worker?.endsWith('_worker'))
    return {
      why: 'WEB_DATABASE_URL and WORKER_DATABASE_URL are set together, and name roles that end in _web and _worker',
    }
  return { web, worker }
}

const userOf = (url: string) => decodeURIComponent(new URL(url).username) || new URL(url).searchParams.get('user') || ''

async function makeRoles(db: pg.Client, ownerUrl: string, web: string, worker: string): Promise<RoleUrls> {
  const passwordOf = async (role: string) => {
    const password = randomBytes(24).toString('base64url')
    const { rowCount } = await db.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role])
    // As the server would keep it: the password itself appears in no statement, and so in no log of the server.
    await db.query(`${rowCount ? 'ALTER' : 'CREATE'} ROLE "${role}" LOGIN PASSWORD '${scramVerifier(password)}'`)
    return password
  }
  return {
    webUrl: withUser(ownerUrl, web, await passwordOf(web)),
    workerUrl: withUser(ownerUrl, worker, await passwordOf(worker)),
  }
}

/** SCRAM-SHA-256 of RFC 5802 as PostgreSQL stores it; `password` is ASCII. */
function scramVerifier(password: string): string {
  const iterations = 4096
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest()
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${hmac('Server Key').toString('base64')}`
}

function withUser(ownerUrl: string, user: string, password: string): string {
  const url = new URL(ownerUrl)
  if (url.host === '') {
    // postgresql:///name?host=/dir: an address without a host holds no user either.
    url.searchParams.set('user', user)
    url.searchParams.set('password', password)
  } else {
    url.username = user
    url.password = password
  }
  return url.href
}

const byHand = (because: string, given: Partial<RoleUrls>) =>
  given.webUrl
    ? `${because}: run, as somebody who may, GRANT shiplock_worker TO CURRENT_USER; DROP SCHEMA IF EXISTS bullmq CASCADE; and see that both roles exist`
    : `the database's role may not make roles (${because}): run, as somebody who may, CREATE ROLE shiplock_web LOGIN PASSWORD '…'; CREATE ROLE shiplock_worker LOGIN PASSWORD '…'; and set WEB_DATABASE_URL and WORKER_DATABASE_URL to addresses with these users`

/** Null where this process has a role of its own; else a sentence for those who trust the trail. */
export async function whyNotSeparated(record: RecordHandle): Promise<string | null> {
  const { rows } = await record.pool.query<{ writer: string }>('SELECT "trail_writer"() AS writer')
  return rows[0]?.writer === 'owner'
    ? 'Web and worker use the role that owns the database: what is written does not prove which of them wrote it, and whoever takes over the web process could switch the guards of the trail off. Signed checkpoints still show it.'
    : null
}
