// What a step leaves behind: its test reports, read, and the files to be kept. In memory until both are stored together.
import { createHash } from 'node:crypto'
import type { RecordHandle } from '../prisma/client'
import { type Tx, transaction } from '../prisma/record'
import { type Globs, readGlobs } from './engines/docker-glob'
import type { Collected, CollectOrder } from './engines/engine'
import { cutText, emptyTally, MAX_CASES, mostTelling, parseJunit } from './junit'
import { Mask } from './mask'
import type { TestCase, TestSummary } from './test-report'

const MIB = 1024 ** 2
/** Of reports, and of artifacts, that one stage may leave. */
export const MOST_FILES = 200
export const MOST_BYTES = 25 * MIB
export const MOST_FILE_BYTES = 10 * MIB
/** After this they are forgotten. */
export const ARTIFACT_DAYS = 30
const MAX_PATH = 1024
const MAX_PROBLEMS = 20
/** Rows of one statement: with the longest texts it stays below 10 MiB. */
const AT_ONCE = 200

export interface ResultsOrder {
  stageId: number
  epoch: number
  /** Globs relative to the working directory. */
  reports: readonly string[]
  artifacts: readonly string[]
  /** Taken out of everything that is read from a report, as they are out of logs. Artifacts are kept as they are. */
  secrets: readonly string[]
  /** Told in words of each thing that is not kept. */
  say?: (line: string) => unknown
}

export interface StageResults extends CollectOrder {
  /**
   * Writes cases, files and summary, for this attempt of the stage alone; those of earlier attempts go. Twice is safe.
   * @returns null where no reports were asked for, or another attempt holds the stage: then nothing is written
   */
  store(): Promise<TestSummary | null>
}

interface Artifact extends Collected {
  sha256: string
}

/** Takes what `engine.run` collects. Holds at most 25 MiB of files, and the cases that tell most. */
export function resultsOf(record: RecordHandle, order: ResultsOrder): StageResults {
  const reports = new Reports(readGlobs(order.reports), order.secrets)
  const kept = new Kept(readGlobs(order.artifacts))
  const kinds = [order.reports, order.artifacts].filter((globs) => globs.length > 0).length
  return {
    globs: [...order.reports, ...order.artifacts],
    most: { files: kinds * MOST_FILES, fileBytes: MOST_FILE_BYTES, bytes: kinds * MOST_BYTES },
    take: async (file) => {
      reports.take(file)
      const because = kept.take(file)
      if (because) await order.say?.(`not kept: ${file.path.slice(0, MAX_PATH)} ${because}`)
    },
    leftOut: (because) => {
      reports.problem(because)
      order.say?.(because)
    },
    store: async () => {
      const summary = order.reports.length > 0 ? reports.summary(order.reports) : null
      const isOurs = await transaction(record, (tx) => store(tx, order, reports.cases, kept.files, summary))
      return isOurs ? summary : null
    },
  }
}

/** Reports are read as they come; only their cases stay. */
class Reports {
  cases: TestCase[] = []
  private readonly globs: Globs
  private readonly mask: Mask
  private readonly tally = emptyTally()
  private readonly problems: string[] = []
  private problemCount = 0
  private files = 0
  private bytes = 0

  constructor(globs: Globs, secrets: readonly string[]) {
    this.globs = globs
    this.mask = new Mask(secrets)
  }

  take({ path, bytes }: Collected) {
    if (!this.globs.matches(path)) return
    const name = cutText(path, 200)
    if (this.files >= MOST_FILES || this.bytes + bytes.length > MOST_BYTES)
      return this.problem(
        `${name} is not read: there are more than ${MOST_FILES} reports or ${MOST_BYTES / MIB} MiB of them`,
      )
    this.files += 1
    this.bytes += bytes.length
    const report = parseJunit(bytes, (text) => this.masked(text))
    this.cases = mostTelling([...this.cases, ...report.cases], MAX_CASES)
    for (const key of Object.keys(report.tally) as (keyof typeof report.tally)[]) this.tally[key] += report.tally[key]
    for (const problem of report.problems) this.problem(`${name} ${problem}`)
  }

  problem(text: string) {
    this.problemCount += 1
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(cutText(this.masked(text), 1000))
  }

  summary(asked: readonly string[]): TestSummary {
    if (this.files === 0 && this.problemCount === 0)
      this.problem(`nothing was left that ${asked.map((glob) => cutText(glob, 60)).join(' or ')} names`)
    const more = this.problemCount - this.problems.length
    return {
      ...this.tally,
      ms: Math.min(this.tally.ms, Number.MAX_SAFE_INTEGER),
      files: this.files,
      dropped: this.tally.total - this.cases.length,
      problems: more > 0 ? [...this.problems, `and ${more} more`] : [...this.problems],
    }
  }

  private masked(text: string): string {
    return Buffer.concat([this.mask.push(Buffer.from(text)), this.mask.end()]).toString()
  }
}

class Kept {
  readonly files: Artifact[] = []
  private readonly globs: Globs
  private bytes = 0

  constructor(globs: Globs) {
    this.globs = globs
  }

  /** @returns why a file that was asked for is not kept, or null */
  take({ path, bytes }: Collected): string | null {
    if (!this.globs.matches(path)) return null
    if (path.length > MAX_PATH || path.includes('\0')) return 'has a name that cannot be kept'
    if (bytes.length > MOST_FILE_BYTES) return `is larger than ${MOST_FILE_BYTES / MIB} MiB`
    if (this.files.length >= MOST_FILES) return `comes after ${MOST_FILES} others`
    if (this.bytes + bytes.length > MOST_BYTES) return `does not fit in the ${MOST_BYTES / MIB} MiB of a stage`
    this.bytes += bytes.length
    this.files.push({ path, bytes, sha256: createHash('sha256').update(bytes).digest('hex') })
    return null
  }
}

async function store(
  tx: Tx,
  { stageId, epoch }: ResultsOrder,
  cases: readonly TestCase[],
  files: readonly Artifact[],
  summary: TestSummary | null,
): Promise<boolean> {
  const { rowCount } = await tx.query('UPDATE "Stage" SET tests = $3::jsonb WHERE id = $1 AND epoch = $2', [
    stageId,
    epoch,
    summary === null ? null : JSON.stringify(summary),
  ])
  if (rowCount !== 1) return false
  await tx.query('DELETE FROM "TestCase" WHERE "stageId" = $1', [stageId])
  await tx.query('DELETE FROM "Artifact" WHERE "stageId" = $1', [stageId])
  for (let from = 0; from < cases.length; from += AT_ONCE)
    await storeCases(tx, stageId, epoch, cases.slice(from, from + AT_ONCE), from)
  for (const { path, bytes, sha256 } of files)
    await tx.query(
      `INSERT INTO "Artifact" ("stageId", epoch, path, bytes, sha256, data, trust)
       SELECT $1, $2, $3, $4, $5, $6, s.trust FROM "Stage" s WHERE s.id = $1 ON CONFLICT DO NOTHING`,
      [stageId, epoch, path, bytes.length, sha256, bytes],
    )
  return true
}

async function storeCases(tx: Tx, stageId: number, epoch: number, cases: readonly TestCase[], from: number) {
  const column = <K extends keyof TestCase>(key: K) => cases.map((c) => c[key])
  await tx.query(
    `INSERT INTO "TestCase" ("stageId", epoch, position, suite, name, status, ms, message, output)
     SELECT $1, $2, $3 + c.at - 1, c.suite, c.name, c.status, c.ms, c.message, c.output
     FROM unnest($4::text[], $5::text[], $6::text[], $7::int[], $8::text[], $9::text[])
       WITH ORDINALITY AS c (suite, name, status, ms, message, output, at)`,
    [
      stageId,
      epoch,
      from,
      column('suite'),
      column('name'),
      column('status'),
      column('ms'),
      column('message'),
      column('output'),
    ],
  )
}
