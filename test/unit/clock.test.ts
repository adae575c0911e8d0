// Which clock decides: the database's, wherever time decides.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { judge } from '../../environments/gate'
import { clockOff, whyClockOff } from '../../prisma/clock'
import { PASSES, THEN } from '../../scripts/readme-gates'
import { heartbeat } from '../../worker/heartbeat'

const root = path.resolve(import.meta.dirname, '../..')
const DAY = 86_400_000
const database = new Date('2026-11-29T09:00:00Z')
const at = (ms: number) => database.getTime() + ms

describe('J4: how far a clock is off', () => {
  it.each([
    ['right', 0, 0, 0],
    ['right, and the answer took its time', -2_000, 4_000, 0],
    ['right, as far as can be told', -3_900, 4_000, 0],
    ['ahead', 6_000, 0, 6_000],
    ['ahead, less half the way', 6_000, 2_000, 7_000],
    ['behind', -2 * DAY, 10, 5 - 2 * DAY],
  ])('%s', (_, asked, tookMs, off) => expect(clockOff({ asked: at(asked), tookMs, database })).toBe(off))

  it.each([null, 0, 5_000, -5_000])('%s ms is nothing to say', (off) =>
    expect(whyClockOff('worker w1', off)).toBeNull(),
  )
  it.each([
    [5_001, '5 s ahead of'],
    [-90_000, '90 s behind'],
    [360_000, '6 min ahead of'],
    [-2 * DAY, '48 h behind'],
    [400 * DAY, '400 days ahead of'],
  ])('%s ms is said', (off, words) => expect(whyClockOff('worker w1', off)).toContain(`worker w1 is ${words}`))
})

describe("J4: a worker's sign of life", () => {
  const beatsAt = (clocks: number[]) => {
    const said: string[] = []
    const kept: unknown[] = []
    const query = async (text: string, values?: unknown[]) => {
      if (text.startsWith('INSERT')) {
        kept.push(values?.[1])
        return { rows: [] }
      }
      return { rows: [{ now: new Date(Date.now() - (clocks.shift() ?? 0)) }] }
    }
    const context = { worker: 'w1', record: { pool: { query } } } as unknown as Parameters<typeof heartbeat>[0]
    return { beat: heartbeat(context, (line) => said.push(line)), said, kept }
  }
  it('says once that its clock is off, and once that it is right again', async () => {
    const { beat, said, kept } = beatsAt([0, DAY, DAY, 0, 0])
    for (let n = 0; n < 5; n++) await beat()
    expect(said).toEqual([
      expect.stringContaining('the clock of worker w1 is 24 h ahead of'),
      'the clock of worker w1 is right again, to 5 s',
    ])
    expect(Math.abs(Number(kept[1]) - DAY)).toBeLessThan(5_000)
  })
  it('keeps what its column can hold', async () => {
    const { beat, kept, said } = beatsAt([50 * 365 * DAY, -50 * 365 * DAY])
    await beat()
    await beat()
    expect(kept).toEqual([2 ** 31 - 1, 1 - 2 ** 31])
    expect(said).toHaveLength(1)
  })
})

describe('J4: the gates', () => {
  it('take no clock: the time is that of the facts', () => {
    expect(judge.length).toBe(1)
    const soaking = { ...PASSES, environment: { ...PASSES.environment, soakMs: 3_600_000 } }
    expect(judge(soaking).worst?.gate).toBe('soak')
    expect(judge({ ...soaking, now: new Date(THEN.getTime() + 3_600_000) }).worst).toBeNull()
  })
})

describe("J4: a process's own clock", () => {
  /** Where it is read, and why that decides nothing that others share. */
  const MAY: Record<string, string> = {
    'app/_server/account-changes.ts': 'counts tries of its own process',
    'app/_server/health.ts': "is measured against the database's",
    'app/_server/oidc-sign-in.ts': 'counts tries of its own process',
    'app/_server/passkey-sign-in.ts': 'counts tries of its own process',
    'app/_server/rest/export-routes.ts': "a file's name",
    'app/_server/rest/refusals.ts': 'writes an entry not too often, for its own process',
    'app/_server/sign-in.ts': 'counts tries of its own process',
    'audit/accept.ts': "a folder's name",
    'environments/enrolment-code.ts': 'when a code was made, for people to read; nothing lapses by it',
    'environments/targets/docker-health.ts': 'how long it has waited itself',
    'environments/targets/docker-hold.ts': 'how long it has waited itself',
    'environments/targets/docker-observe.ts': "held against the engine's, for the start period",
    'pipelines/engines/docker-base-tags.ts':
      'when a base was last used, by those who use it; a lost one is named again',
    'pipelines/engines/docker-build-caches.ts':
      'when a cache mount was last used, by those who use it; a lost cache costs time alone',
    'pipelines/engines/docker-build-copies.ts': 'held against the times of folders on its own machine',
    'pipelines/engines/docker-cgroups.ts': 'held against the times of files on its own machine',
    'pipelines/engines/docker-cache.ts':
      'when a cache was last used, by those who use it; a lost cache costs time alone',
    'pipelines/forges/asking.ts': 'where a forge does not say what time it is there',
    'pipelines/git-cache.ts': 'how old a file of its own disk is, and how long it has waited itself',
    'pipelines/git-merge.ts': 'how long it has waited itself',
    'pipelines/git-process.ts': 'how long it has waited itself',
    'pipelines/git.ts': 'how long it has waited itself',
    'prisma/postgres.ts': 'how long it has waited itself',
    'worker/heartbeat.ts': "is measured against the database's",
    'worker/probes.ts': "is measured against the database's",
  }
  const files = spawnSync(
    'git',
    ['ls-files', '-z', '--', 'app', 'audit', 'environments', 'pipelines', 'prisma', 'worker'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  )
    .stdout.split('\0')
    // What runs in a browser shows times, and decides nothing.
    .filter((file) => /\.ts$/.test(file) && !file.startsWith('app/_ui/'))
  const reads = (file: string) => /\bDate\.now\b|new Date\(\)/.test(readFileSync(path.join(root, file), 'utf8'))

  it('is read where that decides nothing, and nowhere else: ask databaseClock()', () => {
    expect(files.length).toBeGreaterThan(300)
    expect(files.filter(reads).filter((file) => !Object.hasOwn(MAY, file))).toEqual([])
  })
})
