// The files that stages left: which there are, and their bytes.
import { Readable } from 'node:stream'
import { Fault } from '../../pipelines/fault'
import { ARTIFACT_DAYS } from '../../pipelines/stage-results'
import type { RecordHandle } from '../../prisma/client'
import type { Prisma } from '../../prisma/generated/client'
import { isId } from '../paging'
import type { ArtifactShape } from './test-shapes'

const DAY = 86_400_000
/** A stage keeps at most 200 files, and a run has at most eight stages. */
const MOST = 2_000
/** What is read of the record at once. */
const SLICE = 512 * 1024

/** The files of a run's own stages, of each its last attempt that left any. Throws not.found. */
export async function runArtifacts(record: RecordHandle, runId: number): Promise<ArtifactShape[]> {
  const run = isId(runId) ? await record.db.run.findUnique({ where: { id: runId }, select: { id: true } }) : null
  if (run === null) throw new Fault('not.found', `there is no run #${runId}`)
  return artifactsOf(record, { runId, promotionId: null })
}

/** The files of a promotion's verification, of its latest round. Throws not.found. */
export async function promotionArtifacts(record: RecordHandle, promotionId: number): Promise<ArtifactShape[]> {
  const promotion = isId(promotionId)
    ? await record.db.promotion.findUnique({ where: { id: promotionId }, select: { id: true } })
    : null
  if (promotion === null) throw new Fault('not.found', `there is no promotion #${promotionId}`)
  const latest = await record.db.stage.aggregate({ where: { promotionId }, _max: { round: true } })
  return artifactsOf(record, { promotionId, round: latest._max.round ?? 0 })
}

async function artifactsOf(record: RecordHandle, stage: Prisma.StageWhereInput): Promise<ArtifactShape[]> {
  const rows = await record.db.artifact.findMany({
    where: { stage },
    select: {
      id: true,
      epoch: true,
      path: true,
      bytes: true,
      sha256: true,
      createdAt: true,
      stage: { select: { name: true } },
    },
    orderBy: [{ stage: { position: 'asc' } }, { path: 'asc' }],
    take: MOST,
  })
  return rows.map(({ stage: { name }, epoch, createdAt, ...file }) => ({
    ...file,
    stage: name,
    attempt: epoch,
    createdAt: createdAt.toISOString(),
    keptUntil: new Date(createdAt.getTime() + ARTIFACT_DAYS * DAY).toISOString(),
  }))
}

export interface OpenArtifact {
  /** A name without folders, that any system can store. */
  name: string
  bytes: number
  /** Read piece by piece; breaks off where the file is forgotten meanwhile. */
  data: Readable
}

/** One file, to be read once. Throws not.found. */
export async function openArtifact(record: RecordHandle, id: number): Promise<OpenArtifact> {
  const row = isId(id)
    ? await record.db.artifact.findUnique({ where: { id }, select: { path: true, bytes: true } })
    : null
  if (row === null)
    throw new Fault('not.found', `there is no artifact #${id}; files are kept for ${ARTIFACT_DAYS} days`)
  return { name: fileName(row.path, id), bytes: row.bytes, data: Readable.from(pieces(record, id, row.bytes)) }
}

async function* pieces(record: RecordHandle, id: number, bytes: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes; from += SLICE) {
    const { rows } = await record.pool.query<{ piece: Buffer }>(
      'SELECT substring(data FROM $2 FOR $3) AS piece FROM "Artifact" WHERE id = $1',
      [id, from + 1, SLICE],
    )
    if (!rows[0]) throw new Fault('not.found', `artifact #${id} was forgotten while it was read`)
    yield rows[0].piece
  }
}

/** The path's last name, without what a terminal, a shell or a file system would read something into. */
function fileName(path: string, id: number): string {
  const last = path.slice(path.lastIndexOf('/') + 1)
  const plain = last
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}<>:"|?*\\]/gu, '_')
    .replace(/^[.\s-]+/, '')
    .replace(/[.\s]+$/, '')
  return [...plain].slice(0, 100).join('') || `artifact-${id}`
}
