// The system as one table, read downwards. A row of the record says that something is due; a job of the queue says who does it.
import { cutRelease } from '../environments/cut'
import { deployPromotion, losePromotion, retryPromotion } from '../environments/deploy'
import { promoteOnward, reviewPromotion } from '../environments/promote'
import { connectProject, loseProject } from '../pipelines/check-project'
import type { Context } from '../pipelines/context'
import { executeStage, loseStage, retryErrored } from '../pipelines/execute'
import { losePlan, planRun } from '../pipelines/plan'
import { report } from '../pipelines/report'
import { MAX_ATTEMPTS } from '../pipelines/retry'

/** Jobs of one lane wait for one another; lanes do not. */
export type Lane = 'quick' | 'stages' | 'deploys' | 'forge'

interface Job {
  lane: Lane
  /** Id and epoch of the rows that are due, most urgent first. Each has an index of its own. */
  due: string
  /** What is rung when a row becomes due: `<subject>:<status>`. */
  rung: readonly string[]
  do: (context: Context, id: number) => Promise<void>
}

export const JOBS = {
  connect: {
    lane: 'forge',
    rung: ['project:connecting'],
    do: connectProject,
    due: `SELECT id, epoch FROM "Project" WHERE status = 'connecting' AND "dueAt" <= clock_timestamp() ORDER BY "dueAt"`,
  },
  plan: {
    lane: 'quick',
    rung: ['run:queued'],
    do: planRun,
    due: `SELECT id, epoch FROM "Run" WHERE status = 'queued' AND "dueAt" <= clock_timestamp() ORDER BY priority, id`,
  },
  execute: {
    lane: 'stages',
    rung: ['stage:queued'],
    do: executeStage,
    due: `SELECT id, epoch FROM "Stage" WHERE status = 'queued' ORDER BY priority, id`,
  },
  retryStage: {
    lane: 'quick',
    rung: [],
    do: retryErrored,
    due: `SELECT id, epoch FROM "Stage" WHERE status = 'errored' AND attempts < ${MAX_ATTEMPTS} AND "dueAt" <= clock_timestamp() ORDER BY "dueAt"`,
  },
  cut: {
    lane: 'quick',
    rung: ['run:succeeded'],
    do: cutRelease,
    due: `SELECT id, epoch FROM "Run" WHERE status = 'succeeded' AND "goesTo" IS NOT NULL AND "releaseId" IS NULL ORDER BY id`,
  },
  onward: {
    lane: 'quick',
    rung: ['run:succeeded', 'onward:due'],
    do: promoteOnward,
    due: `SELECT id, epoch FROM "Run" WHERE status = 'succeeded' AND "releaseId" IS NOT NULL AND "movedOnAt" IS NULL AND "goesTo" IS NOT NULL ORDER BY id`,
  },
  review: {
    lane: 'quick',
    rung: ['promotion:waiting'],
    do: reviewPromotion,
    due: `SELECT id, epoch FROM "Promotion" WHERE status = 'waiting' AND "dueAt" <= clock_timestamp() ORDER BY "dueAt"`,
  },
  deploy: {
    lane: 'deploys',
    rung: ['promotion:queued'],
    do: deployPromotion,
    due: `SELECT id, epoch FROM "Promotion" WHERE status = 'queued' ORDER BY id`,
  },
  retryPromotion: {
    lane: 'quick',
    rung: [],
    do: retryPromotion,
    due: `SELECT id, epoch FROM "Promotion" WHERE status = 'errored' AND attempts < ${MAX_ATTEMPTS} AND "dueAt" <= clock_timestamp() ORDER BY "dueAt"`,
  },
  report: {
    lane: 'forge',
    rung: ['report:due'],
    do: report,
    due: `SELECT id, epoch FROM "Report" WHERE "dueAt" <= clock_timestamp() AND ("leaseUntil" IS NULL OR "leaseUntil" < clock_timestamp()) ORDER BY "dueAt"`,
  },
  losePlan: {
    lane: 'quick',
    rung: [],
    do: losePlan,
    due: `SELECT id, epoch FROM "Run" WHERE status = 'planning' AND "leaseUntil" < clock_timestamp() ORDER BY "leaseUntil"`,
  },
  loseStage: {
    lane: 'quick',
    rung: [],
    do: loseStage,
    due: `SELECT id, epoch FROM "Stage" WHERE status = 'running' AND "leaseUntil" < clock_timestamp() ORDER BY "leaseUntil"`,
  },
  losePromotion: {
    lane: 'quick',
    rung: [],
    do: losePromotion,
    due: `SELECT id, epoch FROM "Promotion" WHERE status = 'deploying' AND "leaseUntil" < clock_timestamp() ORDER BY "leaseUntil"`,
  },
  loseProject: {
    lane: 'quick',
    rung: [],
    do: loseProject,
    due: `SELECT id, epoch FROM "Project" WHERE status = 'checking' AND "leaseUntil" < clock_timestamp() ORDER BY "leaseUntil"`,
  },
} as const satisfies Record<string, Job>

export type JobName = keyof typeof JOBS
export const JOB_NAMES = Object.keys(JOBS) as JobName[]

/** Rows of one kind that a sweep looks at; the rest wait for the next. */
const SWEPT_AT_ONCE = 50

/** Everything that is due, in one statement. */
export const DUE = JOB_NAMES.map(
  (name) => `(SELECT '${name}' AS job, id, epoch FROM (${JOBS[name].due} LIMIT ${SWEPT_AT_ONCE}) d)`,
).join('\nUNION ALL\n')

const BY_RING = new Map<string, JobName[]>()
for (const name of JOB_NAMES)
  for (const rung of JOBS[name].rung) BY_RING.set(rung, [...(BY_RING.get(rung) ?? []), name])

/** Which jobs a ring makes due. */
export const rungBy = (subject: string, status: string): readonly JobName[] => BY_RING.get(`${subject}:${status}`) ?? []
