// Who may use what, asked of the real queries: every kind of branch, of two projects, in two installations, against every other.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cutRelease } from '../../environments/cut'
import { cachesOf } from '../../pipelines/cache-key'
import type { Context } from '../../pipelines/context'
import type { DockerApi } from '../../pipelines/engines/docker-api'
import { readyCaches } from '../../pipelines/engines/docker-cache'
import type { StepOrder } from '../../pipelines/engines/engine'
import { ADOPTS_FROM, FLOW, KINDS, type RunKind } from '../../pipelines/gitflow'
import { keyOf } from '../../pipelines/how-built'
import { knownRelease } from '../../pipelines/known-release'
import { builtElsewhere, whyBuiltAgain } from '../../pipelines/same-tree'
import { resultsOf } from '../../pipelines/stage-results'
import { lowerOf, mayUse, type Origin, RELEASING, TRUST_CLASSES, type TrustClass, trustOf } from '../../pipelines/trust'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { provisionRoles } from '../../prisma/roles'
import { freshDatabase } from '../database'

const INSTANCES = ['0a0a0a0a', 'b1b1b1b1'] as const
const PROJECTS = [1, 2] as const
const ALL_KINDS: readonly RunKind[] = [...KINDS, 'fork']
const DOCKERFILE = { path: 'Dockerfile' }
const KEY = keyOf(DOCKERFILE, [])
const AT_ONCE = 6

/** Work of one kind of branch: it makes things, or wants them. */
interface Work extends Origin {
  kind: RunKind
}
const WORK: readonly Work[] = INSTANCES.flatMap((instance) =>
  PROJECTS.flatMap((project) => ALL_KINDS.map((kind) => ({ instance, project, kind, trust: trustOf(kind) }))),
)
const PAIRS = WORK.flatMap((made) => WORK.map((wants) => ({ made, wants })))
/** The same, of one kind of branch for each class: where the class alone decides. */
const CLASS_PAIRS = PAIRS.filter((pair) =>
  [pair.made, pair.wants].every(({ kind }) => ['fork', 'feature', 'develop', 'release'].includes(kind)),
)

interface Installation {
  database: Awaited<ReturnType<typeof freshDatabase>>
  record: RecordHandle
  context: Context
}
const installations = new Map<string, Installation>()
const of = (instance: string): Installation => {
  const found = installations.get(instance)
  if (found === undefined) throw new Error(`there is no installation ${instance}`)
  return found
}

/** What is in the one store of both: every image, until it is said to be gone. */
const gone = new Set<string>()
const engine = {
  image: async (digest: string) => (gone.has(digest) ? null : { digest, labels: {}, bytes: 1 }),
  baseDigest: async () => null,
  tag: async () => {},
}

beforeAll(async () => {
  for (const instance of INSTANCES) {
    const database = await freshDatabase()
    const record = openRecord(database.url, { max: AT_ONCE })
    const context = { record, instance, worker: 'pairs', engine } as unknown as Context
    installations.set(instance, { database, record, context })
    for (const project of PROJECTS) {
      await record.pool.query(
        `INSERT INTO "Project" ("forge", "forgeUrl", path, name, "tokenSealed", "hookSealed", hook, "createdBy") VALUES ('gitlab', 'http://forge.test', $1, 'p', '', '', $1, 'test')`,
        [`team/p${project}`],
      )
      await record.pool.query(
        `INSERT INTO "Environment" ("projectId", name, position, policy) VALUES ($1, $2, 1, '{}')`,
        [project, ADOPTS_FROM],
      )
    }
  }
})
afterAll(async () => {
  for (const { database, record } of installations.values()) {
    await record.close()
    await database.drop()
  }
})

let number = 0

/** A run with its build. @returns both, and the digest */
async function built(work: Work, tree: string, status: 'running' | 'succeeded', digest: string | null) {
  const goesTo = work.kind === 'fork' || work.kind === 'other' ? null : FLOW[work.kind].goesTo
  const { rows } = await of(work.instance).record.pool.query<{ run: number; stage: number }>(
    `WITH r AS (
       INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", trust, "commit", before, tree, status, plan, "goesTo")
       VALUES ($1, $2, 's', $3, $3, $4, 'c', '', $5, $6, $7, $8) RETURNING id, trust
     )
     INSERT INTO "Stage" ("runId", name, position, status, definition, digest, trust, "startedAt", "finishedAt")
     SELECT r.id, 'build', 0, $6, $9, $10, r.trust, clock_timestamp(), CASE WHEN $6 = 'succeeded' THEN clock_timestamp() END FROM r
     RETURNING "runId" AS run, id AS stage`,
    [
      work.project,
      `k${++number}`,
      work.kind,
      work.trust,
      tree,
      status,
      JSON.stringify({ buildKey: KEY, bases: [], service: { version: `1.${number}`, deploy: {}, config: {} } }),
      goesTo,
      JSON.stringify({ kind: 'build', dockerfile: DOCKERFILE, image: 'i:1' }),
      digest,
    ],
  )
  const [made] = rows
  if (made === undefined) throw new Error('nothing was made')
  return made
}

/** A release of that work. @param verified in the environment that master adopts from */
async function released(work: Work, tree: string, run: number, digest: string, buildKey: string, verified: boolean) {
  const { rows } = await of(work.instance).record.pool.query<{ id: number }>(
    `WITH l AS (
       INSERT INTO "Release" ("projectId", service, tree, "buildKey", digest, image, version, tag, "commit", branch, plan, trust)
       VALUES ($1, 's', $2, $3, $4, 'i:1', '1.0', $5, 'c', $6, '{}', $7) RETURNING id, digest
     ), p AS (
       INSERT INTO "Promotion" ("environmentId", "releaseId", "runId", status, observed, "requestedBy")
       SELECT e.id, l.id, $8, 'verified', l.digest, 'test' FROM l, "Environment" e WHERE e."projectId" = $1 AND $9
     )
     SELECT id FROM l`,
    [work.project, tree, buildKey, digest, `V${++number}`, work.kind, work.trust, run, verified],
  )
  return rows[0]?.id ?? 0
}

const digest = () => `sha256:${String(++number).padStart(64, '0')}`

/** A few at once: a pair touches rows of its own alone. */
async function forEachPair(pairs: typeof PAIRS, ask: (pair: (typeof PAIRS)[number], tree: string) => Promise<void>) {
  const left = [...pairs]
  const worker = async () => {
    for (let pair = left.pop(); pair !== undefined; pair = left.pop()) await ask(pair, `tree-${++number}`)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}
const words = ({ made, wants }: (typeof PAIRS)[number]) =>
  [made, wants].map((w) => `${w.kind} of project ${w.project} in ${w.instance}`).join(', made for ')

/** Forks and features plan no release, whatever is there. */
const takesReleases = ({ kind }: Work) => kind !== 'fork' && kind !== 'other' && FLOW[kind].goesTo !== null
const never = new AbortController().signal

describe('C2: a thing is given exactly where mayUse says so', () => {
  it('C2: a release of the same tree, when a run is planned', () =>
    forEachPair(PAIRS, async (pair, tree) => {
      const { made, wants } = pair
      const d = digest()
      const release = await released(made, tree, (await built(made, tree, 'succeeded', d)).run, d, KEY, false)
      const { context } = of(wants.instance)
      const run = { projectId: wants.project, branchKind: wants.kind, trust: wants.trust }
      const known = await knownRelease(context, run, tree, KEY)
      expect(known?.digest ?? null, words(pair)).toBe(mayUse(wants, made) && takesReleases(wants) ? d : null)
      if (known !== null) expect(known.id).toBe(release)
    }))

  it('C2: a verified release that was built otherwise, for master alone', () =>
    forEachPair(PAIRS, async (pair, tree) => {
      const { made, wants } = pair
      const d = digest()
      await released(made, tree, (await built(made, tree, 'succeeded', d)).run, d, 'another way', true)
      const { context } = of(wants.instance)
      const run = { projectId: wants.project, branchKind: wants.kind, trust: wants.trust }
      const known = await knownRelease(context, run, tree, KEY)
      expect(known?.digest ?? null, words(pair)).toBe(mayUse(wants, made) && wants.kind === 'master' ? d : null)
    }))

  it('C2: the image of another run, when it is to be built; and the reason where it is not', () =>
    forEachPair(PAIRS, async (pair, tree) => {
      const { made, wants } = pair
      const d = digest()
      const { run } = await built(made, tree, 'succeeded', d)
      const { stage } = await built(wants, tree, 'running', null)
      const { context } = of(wants.instance)
      const elsewhere = await builtElsewhere(context, { stageId: stage, trust: wants.trust }, never)
      expect(elsewhere, words(pair)).toEqual(mayUse(wants, made) ? expect.objectContaining({ digest: d, run }) : null)
      const again = await whyBuiltAgain(context, { stageId: stage, trust: wants.trust })
      const isBelow = made.instance === wants.instance && made.project === wants.project && !mayUse(wants, made)
      expect(again !== null, words(pair)).toBe(isBelow)
    }))

  it('C2: a release, when one is cut; what is not given is cut anew, in the class of its run', () =>
    forEachPair(CLASS_PAIRS, async (pair, tree) => {
      const { made, wants } = pair
      const [d, own] = [digest(), digest()]
      const release = await released(made, tree, (await built(made, tree, 'succeeded', d)).run, d, KEY, false)
      const { run } = await built(wants, tree, 'succeeded', own)
      const { context, record } = of(wants.instance)
      await cutRelease(context, run)
      const { rows } = await record.pool.query<{ id: number; trust: TrustClass; digest: string }>(
        'SELECT l.id, l.trust, l.digest FROM "Run" r JOIN "Release" l ON l.id = r."releaseId" WHERE r.id = $1',
        [run],
      )
      const expected = !RELEASING.includes(wants.trust)
        ? undefined
        : mayUse(wants, made)
          ? { id: release, trust: made.trust, digest: d }
          : { id: expect.any(Number), trust: wants.trust, digest: own }
      expect(rows[0], words(pair)).toEqual(expected)
      if (expected !== undefined && !mayUse(wants, made) && made.instance === wants.instance)
        expect(rows[0]?.id, words(pair)).not.toBe(release)
    }))

  it('C2: the place of an image that is gone, to the class of the release alone', () =>
    forEachPair(CLASS_PAIRS, async (pair, tree) => {
      const { made, wants } = pair
      const [d, own] = [digest(), digest()]
      const release = await released(made, tree, (await built(made, tree, 'succeeded', d)).run, d, KEY, false)
      gone.add(d)
      const { run } = await built(wants, tree, 'succeeded', own)
      await cutRelease(of(wants.instance).context, run)
      const { rows } = await of(made.instance).record.pool.query<{ digest: string }>(
        'SELECT digest FROM "Release" WHERE id = $1',
        [release],
      )
      const isSame = mayUse(wants, made) && mayUse(made, wants) && RELEASING.includes(wants.trust)
      expect(rows[0]?.digest, words(pair)).toBe(isSame ? own : d)
    }))

  it('C2: a cache, which is read and written, where both may use what the other made; a fork has none', async () => {
    const volumes: string[] = []
    const api = {
      text: async ({ body }: { body?: { Name: string } }) => void (body?.Name && volumes.push(body.Name)),
      json: async () => ({ Volumes: [] }),
    } as unknown as DockerApi
    const cacheOf = async ({ instance, project, trust }: Work) => {
      const label = { instance, project, trust, run: ++number, stage: 'unit', epoch: 1 }
      const order = { label, caches: cachesOf(project, trust, 'node:22', ['/root/.npm']) } as unknown as StepOrder
      return (await readyCaches(api, order, '0'))[0]?.volume ?? null
    }
    for (const pair of PAIRS) {
      const [a, b] = [await cacheOf(pair.made), await cacheOf(pair.wants)]
      const shares = mayUse(pair.wants, pair.made) && mayUse(pair.made, pair.wants) && pair.wants.trust !== 'fork'
      expect(a !== null && a === b, words(pair)).toBe(shares)
    }
    expect(volumes.length).toBeGreaterThan(0)
  })

  it('C2: artifacts have the class of their stage, and no work is given any: people read them', async () => {
    for (const work of WORK) {
      const { record } = of(work.instance)
      const { stage } = await built(work, `tree-${++number}`, 'running', null)
      const results = resultsOf(record, { stageId: stage, epoch: 0, reports: [], artifacts: ['**'], secrets: [] })
      await results.take({ path: 'a.txt', bytes: Buffer.from('a') })
      await results.store()
      const { rows } = await record.pool.query('SELECT trust FROM "Artifact" WHERE "stageId" = $1', [stage])
      expect(rows).toEqual([{ trust: work.trust }])
    }
  })
})

describe('C2: builds at the same moment', () => {
  const at = (kind: RunKind): Work => ({ instance: INSTANCES[0], project: 1, kind, trust: trustOf(kind) })

  it.each([
    ['develop', 'feature'],
    ['release', 'develop'],
    ['master', 'develop'],
    ['hotfix', 'feature'],
  ] as const)('%s does not wait for %s', async (wants, made) => {
    const tree = `tree-${++number}`
    await built(at(made), tree, 'running', null)
    const { stage } = await built(at(wants), tree, 'running', null)
    const asking = { stageId: stage, trust: trustOf(wants) }
    expect(await builtElsewhere(of(INSTANCES[0]).context, asking, never)).toBeNull()
  })

  it.each([
    ['develop', 'release'],
    ['master', 'hotfix'],
    ['feature', 'develop'],
  ] as const)('%s waits for the earlier build of %s, and takes its image', async (wants, made) => {
    const tree = `tree-${++number}`
    const first = await built(at(made), tree, 'running', null)
    const { stage } = await built(at(wants), tree, 'running', null)
    const { context, record } = of(INSTANCES[0])
    const waits = builtElsewhere(context, { stageId: stage, trust: trustOf(wants) }, never)
    const d = digest()
    await record.pool.query(`UPDATE "Stage" SET status = 'succeeded', digest = $2 WHERE id = $1`, [first.stage, d])
    expect(await waits).toMatchObject({ digest: d, run: first.run })
  })

  it('of the own class and a higher one there are images: the own one is taken', async () => {
    const tree = `tree-${++number}`
    const [low, high] = [digest(), digest()]
    await released(at('develop'), tree, (await built(at('develop'), tree, 'succeeded', low)).run, low, KEY, false)
    await released(at('release'), tree, (await built(at('release'), tree, 'succeeded', high)).run, high, KEY, false)
    const { context } = of(INSTANCES[0])
    const ask = (kind: RunKind) =>
      knownRelease(context, { projectId: 1, branchKind: kind, trust: trustOf(kind) }, tree, KEY)
    expect((await ask('develop'))?.digest).toBe(low)
    expect((await ask('hotfix'))?.digest).toBe(high)
    gone.add(low)
    // What the record names first is no longer there: it is built again, and not looked for elsewhere.
    const again = digest()
    await cutRelease(context, (await built(at('develop'), tree, 'succeeded', again)).run)
    expect((await ask('develop'))?.digest).toBe(again)
  })
})

describe('C2: the class of a thing is the worker’s to say', () => {
  it('the database takes no other word for one, and knows nothing higher until it is told', async () => {
    const { record } = of(INSTANCES[0])
    const { run, stage } = await built({ ...WORK[0], kind: 'develop' } as Work, 'tree-x', 'succeeded', digest())
    for (const table of ['Run', 'Stage', 'Release', 'Artifact']) {
      const { rows } = await record.pool.query<{ default: string }>(
        `SELECT column_default AS default FROM information_schema.columns WHERE table_name = $1 AND column_name = 'trust'`,
        [table],
      )
      expect(rows[0]?.default, table).toBe(`'${TRUST_CLASSES[0]}'::text`)
    }
    for (const [table, id] of [
      ['Run', run],
      ['Stage', stage],
    ])
      await expect(
        record.pool.query(`UPDATE "${table}" SET trust = 'master' WHERE id = $1`, [id]),
      ).rejects.toMatchObject({ code: '23514' })
  })

  it('the web process may not change it', async () => {
    const { database } = of(INSTANCES[0])
    const roles = await provisionRoles(database.url, INSTANCES[0])
    if ('why' in roles) throw new Error(roles.why)
    const web = openRecord(roles.webUrl, { max: 1 })
    try {
      for (const table of ['Run', 'Stage', 'Release', 'Artifact'])
        await expect(web.pool.query(`UPDATE "${table}" SET trust = 'release'`), table).rejects.toMatchObject({
          code: '42501',
        })
    } finally {
      await web.close()
    }
  })

  it('what two decided together has the lower class', () => {
    for (const a of TRUST_CLASSES)
      for (const b of TRUST_CLASSES)
        expect(lowerOf(a, b)).toBe(TRUST_CLASSES[Math.min(TRUST_CLASSES.indexOf(a), TRUST_CLASSES.indexOf(b))])
  })
})
