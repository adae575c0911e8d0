// A stage as pages and REST show it: of a run, or of the verification of a promotion.
import { z } from 'zod'
import type { Prisma } from '../prisma/generated/client'
import type { StageShape } from './shapes'

export const STAGE_TIMES = {
  name: true,
  status: true,
  startedAt: true,
  finishedAt: true,
} as const satisfies Prisma.StageSelect

export const STAGE_COLUMNS = {
  ...STAGE_TIMES,
  because: true,
  exitCode: true,
  attempts: true,
  digest: true,
  definition: true,
  logBytes: true,
  dueAt: true,
} as const satisfies Prisma.StageSelect
type StageRow = Prisma.StageGetPayload<{ select: typeof STAGE_COLUMNS }>

export interface Times {
  startedAt: Date | null
  finishedAt: Date | null
}

/** How long it ran, or has been running; null before it started. */
export const lasted = (row: Times, now: Date) =>
  row.startedAt ? Math.max(0, (row.finishedAt ?? now).getTime() - row.startedAt.getTime()) : null

/** Of a stage's definition, what people look at. */
const Definition = z
  .object({ image: z.string().nullable().catch(null), run: z.array(z.string()).catch([]) })
  .catch({ image: null, run: [] })

export function asStage(row: StageRow, now: Date): StageShape {
  const definition = Definition.parse(row.definition)
  return {
    name: row.name,
    status: row.status,
    because: row.because,
    ms: lasted(row, now),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    exitCode: row.exitCode,
    attempts: row.attempts,
    digest: row.digest,
    image: definition.image,
    commands: definition.run,
    logBytes: Number(row.logBytes),
  }
}
