// The trail's page where there are a million entries, against one where there are a thousand.
import { join } from 'node:path'
import { trailChoices } from '../app/trail/filters'
import type { TrailFilter, TrailScope } from '../app/trail/find'
import { listEntries } from '../app/trail/read'
import { cleanUp, makeFolder } from '../demo/leftovers'
import { openRecord, type RecordHandle } from '../prisma/client'
import { migrate } from '../prisma/migrate'
import { ensurePostgres } from '../prisma/postgres'
import { alternate, type Figure, median, show, spread, table } from './measure'
import { seedEntries, seedPlaces } from './seed-trail'

const MANY = 1_000_000
const FEW = 1_000
const PAIRS = 15
const MOST = 1.5
const ALL: TrailScope = { projects: 'all', installation: true }
const SOME: TrailScope = { projects: [3, 7, 11], installation: false }

const day = () => new Date(Date.now() - 86_400_000 / 4).toISOString().slice(0, 10)
/** What somebody may ask the page for. Both trails have entries of each. */
const ASKED: readonly (readonly [what: string, ask: TrailFilter, scope?: TrailScope])[] = [
  ['the newest', {}],
  ['of a person', { person: 'account:17' }],
  ['of a project', { project: 5 }],
  ['of an environment', { environment: 'production' }],
  ['of a kind', { kind: 'run.kind-ac' }],
  ['of a person in a project', { person: 'account:17', project: 5 }],
  ['of a day', { from: day(), to: day() }],
  ['of the projects of a member', {}, SOME],
  ['of a release', { release: 33 }],
]

/** All that the page reads: the list, the head, and what the filters offer. */
async function read(record: RecordHandle, ask: TrailFilter, scope: TrailScope): Promise<number> {
  const begun = performance.now()
  await Promise.all([listEntries(record, scope, ask), trailChoices(record, scope)])
  return performance.now() - begun
}

export async function trailPage(): Promise<Figure> {
  const dir = makeFolder()
  const postgres = await ensurePostgres({ dir: join(dir, 'postgres') })
  try {
    const many = await trailOf(postgres.url, 'many', MANY)
    const few = await trailOf(postgres.url, 'few', FEW)
    try {
      return await measure(many, few)
    } finally {
      await Promise.all([many.close(), few.close()])
    }
  } finally {
    await postgres.stop()
    await cleanUp(dir)
  }
}

async function trailOf(server: string, name: string, entries: number): Promise<RecordHandle> {
  const maker = openRecord(server, { max: 1 })
  await maker.pool.query(`CREATE DATABASE bench_${name}`)
  await maker.close()
  const url = new URL(server)
  url.pathname = `/bench_${name}`
  await migrate(url.href)
  // Seeding takes longer than a page may.
  const seeder = openRecord(url.href, { max: 1 })
  await seeder.pool.query('SET statement_timeout = 0')
  await seedPlaces(seeder.pool)
  await seedEntries(seeder.pool, entries)
  await seeder.close()
  return openRecord(url.href, { max: 8 })
}

async function measure(many: RecordHandle, few: RecordHandle): Promise<Figure> {
  const rows: { what: string; many: number; few: number; ratio: number }[] = []
  for (const [what, ask, scope = ALL] of ASKED) {
    for (const record of [many, few]) await read(record, ask, scope)
    const pairs = await alternate(
      PAIRS,
      () => read(many, ask, scope),
      () => read(few, ask, scope),
    )
    const middle = { many: median(pairs.map((p) => p.a)), few: median(pairs.map((p) => p.b)) }
    rows.push({ what, ...middle, ratio: middle.many / middle.few })
  }
  const ratios = spread(rows.map((row) => row.ratio))
  const [newest] = rows
  const ms = (n: number) => n.toFixed(1)
  return {
    name: 'trail-page',
    what: `the trail's page at ${MANY.toLocaleString('en')} entries`,
    against: `the same at ${FEW.toLocaleString('en')} entries`,
    aim: `≤ ${MOST} ×`,
    measured: `the newest ${newest?.ratio.toFixed(2)} × (${ms(newest?.many ?? 0)} ms against ${ms(newest?.few ?? 0)} ms); over all filters ${show(ratios, 2, ' ×')}`,
    met: (newest?.ratio ?? Number.POSITIVE_INFINITY) <= MOST && ratios.median <= MOST,
    where: [
      table(
        ['entries', `${MANY.toLocaleString('en')}, ms`, `${FEW.toLocaleString('en')}, ms`, 'ratio'],
        rows.map((row) => [row.what, ms(row.many), ms(row.few), row.ratio.toFixed(2)]),
      ),
      `Medians of ${PAIRS} pairs of everything that the page reads: 25 entries with their bytes, the head, and the choices of its filters; without drawing it.`,
    ],
  }
}
