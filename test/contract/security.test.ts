// docs/security.md is held to the rights and triggers of a real database.
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { provisionRoles, type RoleUrls } from '../../prisma/roles'
import { freshDatabase } from '../database'

const ROOT = path.resolve(import.meta.dirname, '../..')
const text = readFileSync(path.join(ROOT, 'docs/security.md'), 'utf8')

interface Row {
  columns: string[]
  check: string
}
/** The table below a heading. */
function tableOf(heading: string): Row[] {
  const [, below = ''] = text.split(`## ${heading}\n`)
  const lines = (below.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'))
  return lines.map((line) => {
    const [, columns = '', , check = ''] = line.split('|').map((cell) => cell.trim())
    return { columns: [...columns.matchAll(/`(\w+\.\w+)`/g)].map((m) => m[1] ?? ''), check }
  })
}
const ofWeb = tableOf('What the web process may write')
const ofWorkers = tableOf('What only workers write')
/** Of the web process alone: no worker reads them. */
const ITS_OWN = ['Session', 'SignInAttempt', 'PasskeyChallenge', 'Statement']

describe('docs/security.md', () => {
  const instance = randomBytes(4).toString('hex')
  let db: Awaited<ReturnType<typeof freshDatabase>>
  let owner: pg.Client
  let urls: RoleUrls
  /** Table.column of everything that the web process may insert or update. */
  let writable: Set<string>
  /** Table.column: names of the triggers that look at it. */
  let triggers: Map<string, string[]>
  let there: Set<string>
  beforeAll(async () => {
    db = await freshDatabase()
    const roles = await provisionRoles(db.url, instance)
    if ('why' in roles) throw new Error(roles.why)
    urls = roles
    owner = new pg.Client({ connectionString: db.url })
    await owner.connect()
    const rights = await owner.query<{ name: string }>(
      `SELECT c.table_name || '.' || c.column_name AS name FROM information_schema.columns c WHERE c.table_schema = 'public'
         AND (has_column_privilege($1, format('%I', c.table_name), c.column_name, 'INSERT') OR has_column_privilege($1, format('%I', c.table_name), c.column_name, 'UPDATE'))`,
      [new URL(urls.webUrl).username],
    )
    writable = new Set(rights.rows.map((r) => r.name))
    const found = await owner.query<{ name: string; trigger: string }>(
      `SELECT t.relname || '.' || a.attname AS name, g.tgname || ' ' || p.proname AS trigger FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
       JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
       WHERE NOT g.tgisinternal AND g.tgenabled = 'A' AND (cardinality(g.tgattr::int2[]) = 0 OR a.attnum = ANY (g.tgattr::int2[]))`,
    )
    triggers = new Map()
    for (const { name, trigger } of found.rows) triggers.set(name, [...(triggers.get(name) ?? []), trigger])
    const { rows } = await owner.query<{ name: string }>(
      `SELECT table_name || '.' || column_name AS name FROM information_schema.columns WHERE table_schema = 'public'`,
    )
    there = new Set(rows.map((r) => r.name))
  })
  afterAll(async () => {
    const names = [urls.webUrl, urls.workerUrl].map((url) => `"${new URL(url).username}"`).join(', ')
    await owner.query(`DROP OWNED BY ${names} CASCADE`)
    await owner.query(`DROP ROLE ${names}`)
    await owner.end()
    await db.drop()
  })
  const looksAt = (column: string, fn: string) => (triggers.get(column) ?? []).some((t) => t.endsWith(` ${fn}`))

  it('D2: has a row for every column that the web process may write, and names no other', () => {
    const named = ofWeb.flatMap((row) => row.columns)
    expect(named.length).toBe(new Set(named).size)
    const mine = [...writable].filter((name) => !ITS_OWN.includes(name.split('.')[0] ?? ''))
    expect(mine.filter((name) => !named.includes(name)).sort()).toEqual([])
    expect(named.filter((name) => !writable.has(name)).sort()).toEqual([])
  })

  it('D1: claims no check that is not there', () => {
    expect(new Set(ofWeb.map((row) => row.check))).toEqual(
      new Set(['derived', 'certificate', 'entry', 'arrow', 'value', 'none']),
    )
    for (const { columns, check } of ofWeb) {
      if (check === 'arrow') {
        const [status = ''] = columns
        expect(status).toMatch(/\.status$/)
        expect(looksAt(status, 'web_guard') && looksAt(status, 'trail_demands_arrow'), status).toBe(true)
      }
      if (check === 'value') for (const column of columns) expect(looksAt(column, 'web_guard'), column).toBe(true)
      if (check === 'entry') {
        const tables = new Set(columns.map((column) => column.split('.')[0] ?? ''))
        for (const table of tables)
          expect(
            columns.some((c) => c.startsWith(`${table}.`) && looksAt(c, 'trail_demands_entry')),
            table,
          ).toBe(true)
      }
    }
  })

  it('D3: calls nothing a worker’s alone that the web process may write', () => {
    const named = ofWorkers.flatMap((row) => row.columns)
    expect(named.length).toBeGreaterThan(40)
    expect(named.filter((name) => writable.has(name))).toEqual([])
    expect(named.filter((name) => !there.has(name))).toEqual([])
  })

  it('D1: no file that only a worker loads reads what is the web process’s own', () => {
    const files = ['worker', 'pipelines', 'environments'].flatMap((dir) =>
      readdirSync(path.join(ROOT, dir), { encoding: 'utf8' }).map((file) => `${dir}/${file}`),
    )
    const read = files.filter(
      (file) =>
        file.endsWith('.ts') &&
        ITS_OWN.some((table) => readFileSync(path.join(ROOT, file), 'utf8').includes(`"${table}"`)),
    )
    // What people answer with; and what is thrown away when its time is over.
    expect(read.sort()).toEqual(['environments/passkey-challenge.ts', 'environments/sign-off.ts', 'worker/prune.ts'])
  })
})
