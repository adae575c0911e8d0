// One push, as it stands in the record: its run, stages, logs, release, promotion and trail.
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { branchKind } from '../../pipelines/gitflow'
import { trustOf } from '../../pipelines/trust'
import type { RecordHandle } from '../../prisma/client'
import { buildLog, failedLog, longLog, shortLog } from './seed-logs'
import type { Story } from './seed-stories'

const MINUTE = 60_000
export const hex = (text: string, length = 40) => createHash('sha256').update(text).digest('hex').slice(0, length)
export const digestOf = (id: number) => `sha256:${hex(`image of run ${id}`, 64)}`

const STAGES = ['static', 'build', 'unit', 'api', 'integration']
const TOOK_MS: Record<string, number> = { static: 8_400, build: 41_300, unit: 23_900, api: 34_200, integration: 62_500 }

export const projectOf = (service: string) => (service === 'checkout' ? 1 : 2)

/** What the claim for planning writes. */
export function plannedAs(branch: string, status: string) {
  const kind = branchKind(branch)
  return status === 'queued' || kind === null ? {} : { trust: trustOf(kind), epoch: 1 }
}

export async function createRun(record: RecordHandle, id: number, story: Story, at: Date, now: Date) {
  const started = story.status === 'queued' ? null : new Date(at.getTime() + 900)
  const open = ['queued', 'planning', 'running', 'errored'].includes(story.status)
  const stages = stagesOf(story)
  const took = stages.reduce((sum, s) => sum + s.ms, 0)
  await record.db.run.create({
    data: {
      id,
      projectId: projectOf(story.service),
      contentKey: hex(`key ${id}`),
      service: story.service,
      branch: story.branch,
      branchKind: story.branch.split('/')[0] ?? 'other',
      ...plannedAs(story.branch, story.status),
      commit: hex(`commit ${id}`),
      before: hex(`commit ${id - 1}`),
      tree: hex(`tree ${id}`),
      title: story.title,
      pusherId: '7',
      pusherName: story.pusher,
      status: story.status,
      because: story.because ?? '',
      plan: { templated: story.templated ?? false, problems: story.problems ?? [] },
      goesTo: story.branch === 'develop' ? 'test' : null,
      createdAt: at,
      startedAt: started,
      finishedAt: open || !started ? null : new Date(started.getTime() + took + 600),
      dueAt: at,
    },
  })
  let clock = (started ?? at).getTime() + 300
  for (const [position, stage] of stages.entries()) {
    const began = stage.ms > 0 ? new Date(clock) : null
    clock += stage.ms
    const row = await record.db.stage.create({
      data: {
        runId: id,
        name: stage.name,
        position,
        status: stage.status,
        because: stage.because,
        exitCode: stage.exitCode,
        attempts: stage.ms > 0 ? (stage.status === 'errored' ? 5 : 1) : 0,
        epoch: 1,
        digest: stage.name === 'build' && stage.status === 'succeeded' ? digestOf(id) : null,
        startedAt: stage.status === 'running' ? new Date(now.getTime() - 47_000) : began,
        finishedAt: began && stage.status !== 'running' ? new Date(clock) : null,
        dueAt: at,
        definition: {
          image: stage.name === 'build' ? null : 'node:22',
          run: stage.name === 'build' ? [] : [`npm run ${stage.name === 'static' ? 'lint' : `test:${stage.name}`}`],
        },
      },
      select: { id: true },
    })
    if (began || stage.status === 'running') await writeLog(record, row.id, logOf(story, stage))
  }
}

interface SeedStage {
  name: string
  status: string
  because: string
  ms: number
  exitCode: number | null
}

/** All stages before the one that the story stopped at succeeded; none after it began. */
function stagesOf(story: Story): SeedStage[] {
  if (['queued', 'planning', 'refused', 'superseded'].includes(story.status)) return []
  const names = story.branch.startsWith('feature/') ? ['static', 'unit'] : STAGES
  const stop = story.stop ? names.indexOf(story.stop) : names.length
  return names.map((name, i) => {
    const ms = Math.round((TOOK_MS[name] ?? 10_000) * (0.8 + ((story.minutesAgo * 7 + i * 13) % 40) / 100))
    if (i < stop) return { name, status: 'succeeded', because: '', ms, exitCode: 0 }
    if (i > stop)
      return {
        name,
        status: story.status === 'running' || story.status === 'errored' ? 'pending' : 'skipped',
        because: story.status === 'running' || story.status === 'errored' ? '' : `${story.stop} did not succeed`,
        ms: 0,
        exitCode: null,
      }
    return {
      name,
      status: story.status,
      because: story.because ?? '',
      ms,
      exitCode: story.status === 'failed' ? 1 : null,
    }
  })
}

function logOf(story: Story, stage: SeedStage): string {
  if (stage.status === 'failed') return failedLog(story)
  if (stage.name === 'build') return buildLog(story.service)
  if (stage.name === 'integration' && story.kind === 'deployed') return longLog(60_000)
  return shortLog(stage.name)
}

/** Bytes that stand between the pieces of a log with a gap. */
export const GAP_BYTES = 1_900_000_000

export async function writeLog(record: RecordHandle, stageId: number, text: string) {
  const bytes = Buffer.from(text)
  const gapAt = bytes.length > 1_000_000 ? 600_000 : Number.POSITIVE_INFINITY
  let seq = 0
  for (let from = 0; from < bytes.length; from += 200_000) {
    const data = bytes.subarray(from, from + 200_000)
    await addChunk(record, stageId, seq++, from + (from >= gapAt ? GAP_BYTES : 0), data)
  }
  await record.db.stage.update({ where: { id: stageId }, data: { logBytes: bytes.length } })
}

/** One piece of output, as the worker stores it. */
export async function addChunk(record: RecordHandle, stageId: number, seq: number, offset: number, data: Buffer) {
  await record.db.logChunk.create({
    data: { stageId, epoch: 1, seq, offset, bytes: data.length, data: new Uint8Array(gzipSync(data)) },
  })
}

/** Release and promotion carry the run's id: ids grow with time, as in life. */
export async function createPromotion(record: RecordHandle, runId: number, story: Story, at: Date) {
  const id = runId
  const { promotion } = story
  if (!promotion) return
  const projectId = projectOf(story.service)
  const cut = new Date(at.getTime() + 3 * MINUTE)
  const stamp = cut.toISOString().replace(/\D/g, '').slice(0, 12)
  await record.db.release.create({
    data: {
      id,
      projectId,
      service: story.service,
      tree: hex(`tree ${runId}`),
      buildKey: hex(`build ${runId}`),
      trust: 'release',
      digest: digestOf(runId),
      image: `shiplock/${story.service}`,
      version: '2.4',
      tag: `V2.4_${stamp}`,
      commit: hex(`commit ${runId}`),
      branch: story.branch,
      plan: {},
      createdAt: cut,
    },
  })
  await record.db.run.update({ where: { id: runId }, data: { releaseId: id, movedOnAt: cut } })
  const deployed = promotion.status === 'verified' ? new Date(cut.getTime() + 14_000) : null
  await record.db.promotion.create({
    data: {
      id,
      environmentId: projectId,
      releaseId: id,
      runId,
      status: promotion.status,
      because: promotion.because,
      requestedBy: `push by ${story.pusher}`,
      attempts: 1,
      verdicts: promotion.verdicts ?? VERDICTS,
      imageAsked: digestOf(runId),
      observed: deployed ? digestOf(runId) : null,
      url: deployed ? `http://127.0.0.1:${18_080 + projectId}` : null,
      createdAt: cut,
      startedAt: promotion.status === 'waiting' ? null : cut,
      deployedAt: deployed,
      verifiedAt: deployed,
      finishedAt: deployed ?? (promotion.status === 'failed' ? new Date(cut.getTime() + 31_000) : null),
      dueAt: cut,
    },
  })
}

const VERDICTS = [
  { gate: 'ceiling', state: 'open', because: 'a develop branch may go to test' },
  { gate: 'service file', state: 'open', because: 'there is a valid .shiplock.yaml' },
  { gate: 'configuration', state: 'open', because: 'nothing required is missing' },
  { gate: 'start', state: 'open', because: 'it starts by itself' },
  { gate: 'order', state: 'open', because: 'nothing newer is there' },
  { gate: 'environment free', state: 'open', because: 'nothing else is being deployed there' },
]

export async function createTrail(record: RecordHandle, runId: number, story: Story, at: Date) {
  const entries = [
    { kind: 'run.accept', actor: 'forge:7', actorName: story.pusher, because: `push to ${story.branch}` },
    { kind: 'run.claim', actor: 'worker:w1', actorName: 'worker w1', because: '' },
    ...stagesOf(story)
      .filter((s) => s.ms > 0)
      .map((s) => ({
        kind: s.status === 'succeeded' ? 'stage.pass' : `stage.${s.status}`,
        actor: 'worker:w1',
        actorName: 'worker w1',
        because: s.because || s.name,
      })),
    ...(story.status === 'canceled'
      ? [{ kind: 'run.cancel', actor: 'account:1', actorName: 'ann', because: story.because ?? '' }]
      : []),
    ...(story.promotion
      ? [
          {
            kind: 'release.cut',
            actor: 'worker:w1',
            actorName: 'worker w1',
            because: 'the image is frozen for promotion',
          },
        ]
      : []),
    ...(story.promotion?.status === 'verified'
      ? [
          {
            kind: 'promotion.observe',
            actor: 'worker:w1',
            actorName: 'worker w1',
            because: 'test was observed running the digest',
          },
        ]
      : []),
  ]
  await record.db.auditEntry.createMany({
    data: entries.map((entry, i) => ({
      ...entry,
      at: new Date(at.getTime() + i * 21_000),
      projectId: projectOf(story.service),
      subject: entry.kind.split('.')[0] ?? 'run',
      subjectId: runId,
      runId,
    })),
  })
}
