// The system as one table, read downwards. A row of the record says that something is due; a job of the queue says who does it.
import { admitPasskey } from '../environments/admit-passkey'
import { agreePolicy } from '../environments/agree-policy'
import { applyPolicyChange } from '../environments/apply-policy'
import { cutRelease } from '../environments/cut'
import { deployPromotion, losePromotion, retryPromotion } from '../environments/deploy'
import { expireApproval } from '../environments/expire-approval'
import { observeDue } from '../environments/observe'
import { promoteOnward } from '../environments/request'
import { reviewPromotion } from '../environments/review'
import { beginVerification, settleVerification } from '../environments/verify'
import { carryBackMerge } from '../pipelines/back-merges'
import { connectProject, loseProject } from '../pipelines/check-project'
import type { Context } from '../pipelines/context'
import { doMergeAction, loseMergeAction } from '../pipelines/do-merge-action'
import { executeStage, loseStage, retryErrored } from '../pipelines/execute'
import { loseTag, makeTag } from '../pipelines/make-tag'
import { losePlan, planRun } from '../pipelines/plan'
import { reconcileProject } from '../pipelines/reconcile'
import { report } from '../pipelines/report'
import { MAX_ATTEMPTS } from '../pipelines/retry'
import { syncMergeRequest } from '../pipelines/sync-merge-request'
import { tellDeployment } from '../pipelines/tell-deployment'

import { CHECKPOINT_DUE, checkpoint } from './checkpoint'

/** Jobs of one lane wait for one another; lanes do not. */
export const LANES = ['quick', 'stages', 'deploys', 'forge'] as const
export type Lane = (typeof LANES)[number]

interface Job {
  lane: Lane
  /** Id and epoch of the rows that are due, most urgent first. Each has an index of its own. */
  due: string
  /** What is rung when a row becomes due: `<subject>:<status>`. */
  rung: readonly string[]
  /** `due` names a column "priority" as well: lower is answered first. */
  urgent?: true
  do: (context: Context, id: number) => Promise<void>
}

/** The priority of what has none of its own. */
export const USUAL = 10

/** A claim without an end is one that lapsed: else nothing would ever take the row up again. */
const LAPSED = `("leaseUntil" IS NULL OR "leaseUntil" < clock_timestamp())`

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
    urgent: true,
    do: planRun,
    due: `SELECT id, epoch, priority FROM "Run" WHERE status = 'queued' AND "dueAt" <= clock_timestamp() ORDER BY priority, id`,
  },
  execute: {
    lane: 'stages',
    rung: ['stage:queued'],
    urgent: true,
    do: executeStage,
    due: `SELECT id, epoch, priority FROM "Stage" WHERE status = 'queued' ORDER BY priority, id`,
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
    urgent: true,
    do: deployPromotion,
    due: `SELECT id, epoch, priority FROM "Promotion" WHERE status = 'queued' ORDER BY priority, id`,
  },
  verify: {
    lane: 'quick',
    rung: ['promotion:deployed'],
    do: beginVerification,
    due: `SELECT id, epoch FROM "Promotion" WHERE status = 'deployed' ORDER BY id`,
  },
  settleVerification: {
    lane: 'quick',
    rung: ['promotion:verifying'],
    do: settleVerification,
    due: `SELECT id, epoch FROM "Promotion" p WHERE status = 'verifying' AND NOT EXISTS (
      SELECT 1 FROM "Stage" s WHERE s."promotionId" = p.id AND s.round = p.epoch
        AND (s.status IN ('pending', 'queued', 'running') OR (s.status = 'errored' AND s.attempts < ${MAX_ATTEMPTS}))) ORDER BY id`,
  },
  retryPromotion: {
    lane: 'quick',
    rung: [],
    do: retryPromotion,
    due: `SELECT id, epoch FROM "Promotion" WHERE status = 'errored' AND attempts < ${MAX_ATTEMPTS} AND "dueAt" <= clock_timestamp() ORDER BY "dueAt"`,
  },
  observe: {
    lane: 'forge',
    rung: [],
    do: observeDue,
    due: `SELECT id, epoch FROM "Observed" WHERE "dueAt" <= clock_timestamp() ORDER BY "dueAt"`,
  },
  report: {
    lane: 'forge',
    rung: ['report:due'],
    do: report,
    due: `SELECT id, epoch FROM "Report" WHERE "dueAt" <= clock_timestamp() AND ("leaseUntil" IS NULL OR "leaseUntil" < clock_timestamp()) ORDER BY "dueAt"`,
  },
  syncMergeRequest: {
    lane: 'forge',
    rung: ['mergeRequest:due'],
    do: syncMergeRequest,
    due: `SELECT id, epoch FROM "MergeRequest" WHERE "dueAt" <= clock_timestamp() AND ("leaseUntil" IS NULL OR "leaseUntil" < clock_timestamp()) ORDER BY "dueAt"`,
  },
  doMergeAction: {
    lane: 'forge',
    rung: ['mergeAction:queued'],
    do: doMergeAction,
    due: `SELECT id, epoch FROM "MergeAction" WHERE status = 'queued' AND "dueAt" <= clock_timestamp() ORDER BY "dueAt"`,
  },
  makeTag: {
    lane: 'forge',
    rung: ['tag:owed'],
    do: makeTag,
    due: `SELECT id, epoch FROM "Tag" WHERE status = 'owed' AND "dueAt" <= clock_timestamp() ORDER BY "dueAt"`,
  },
  carryBackMerge: {
    lane: 'forge',
    rung: ['backMerge:owed', 'backMerge:due'],
    do: carryBackMerge,
    due: `SELECT id, epoch FROM "BackMerge" WHERE "dueAt" <= clock_timestamp() AND ("leaseUntil" IS NULL OR "leaseUntil" < clock_timestamp()) ORDER BY "dueAt"`,
  },
  tellDeployment: {
    lane: 'forge',
    rung: [],
    do: tellDeployment,
    due: `SELECT id, epoch FROM "Promotion" WHERE "forgeDueAt" <= clock_timestamp() ORDER BY "forgeDueAt"`,
  },
  reconcile: {
    lane: 'forge',
    rung: [],
    do: reconcileProject,
    due: `SELECT id, epoch FROM "Project" WHERE status = 'connected' AND "reconcileAt" <= clock_timestamp() ORDER BY "reconcileAt"`,
  },
  checkpoint: { lane: 'quick', rung: ['trail:due'], do: checkpoint, due: CHECKPOINT_DUE },
  agreePolicy: {
    lane: 'quick',
    rung: ['environment:unagreed'],
    do: agreePolicy,
    due: `SELECT id, 0 AS epoch FROM "Environment" WHERE "policyVersion" = 0 ORDER BY id`,
  },
  applyPolicyChange: {
    lane: 'quick',
    rung: ['policyChange:proposed'],
    do: applyPolicyChange,
    due: `SELECT id, epoch FROM "PolicyChange" WHERE status = 'proposed' AND "dueAt" <= clock_timestamp() ORDER BY "dueAt"`,
  },
  admitPasskey: {
    lane: 'quick',
    rung: ['passkey:due'],
    do: admitPasskey,
    due: `SELECT id, epoch FROM "Passkey" WHERE "dueAt" <= clock_timestamp() ORDER BY "dueAt"`,
  },
  expireApproval: {
    lane: 'quick',
    rung: [],
    do: expireApproval,
    due: `SELECT id, epoch FROM "Approval" WHERE status = 'given' AND "expiresAt" <= clock_timestamp() ORDER BY "expiresAt"`,
  },
  losePlan: {
    lane: 'quick',
    rung: [],
    do: losePlan,
    due: `SELECT id, epoch FROM "Run" WHERE status = 'planning' AND ${LAPSED} ORDER BY "leaseUntil"`,
  },
  loseStage: {
    lane: 'quick',
    rung: [],
    do: loseStage,
    due: `SELECT id, epoch FROM "Stage" WHERE status = 'running' AND ${LAPSED} ORDER BY "leaseUntil"`,
  },
  losePromotion: {
    lane: 'quick',
    rung: [],
    do: losePromotion,
    due: `SELECT id, epoch FROM "Promotion" WHERE status = 'deploying' AND ${LAPSED} ORDER BY "leaseUntil"`,
  },
  loseProject: {
    lane: 'quick',
    rung: [],
    do: loseProject,
    due: `SELECT id, epoch FROM "Project" WHERE status = 'checking' AND ${LAPSED} ORDER BY "leaseUntil"`,
  },
  loseTag: {
    lane: 'quick',
    rung: [],
    do: loseTag,
    due: `SELECT id, epoch FROM "Tag" WHERE status = 'making' AND ${LAPSED} ORDER BY "leaseUntil"`,
  },
  loseMergeAction: {
    lane: 'quick',
    rung: [],
    do: loseMergeAction,
    due: `SELECT id, epoch FROM "MergeAction" WHERE status = 'doing' AND ${LAPSED} ORDER BY "leaseUntil"`,
  },
} as const satisfies Record<string, Job>

export type JobName = keyof typeof JOBS
export const JOB_NAMES = Object.keys(JOBS) as JobName[]

/** Rows of one kind that a sweep looks at; the rest wait for the next. */
const SWEPT_AT_ONCE = 50

/** Everything that is due, in one statement. */
export const DUE = JOB_NAMES.map((name) => {
  const job: Job = JOBS[name]
  const priority = job.urgent ? 'priority' : String(USUAL)
  return `(SELECT '${name}' AS job, id, epoch, ${priority} AS priority FROM (${job.due} LIMIT ${SWEPT_AT_ONCE}) d)`
}).join('\nUNION ALL\n')

const BY_RING = new Map<string, JobName[]>()
for (const name of JOB_NAMES)
  for (const rung of JOBS[name].rung) BY_RING.set(rung, [...(BY_RING.get(rung) ?? []), name])

/** Which jobs a ring makes due. */
export const rungBy = (subject: string, status: string): readonly JobName[] => BY_RING.get(`${subject}:${status}`) ?? []
