// How far releases have come in each environment of their projects.
import type { RecordHandle } from '../../prisma/client'
import { OBSERVED_THERE } from '../environments/observed'
import type { ReleasePlace } from './shapes'

export type PlaceOf = ReleasePlace

interface Environment {
  id: number
  projectId: number
  name: string
  /** The release that it was last observed running. */
  running: number | null
}

/** Environments on one page of releases: a hundred projects with a few each. */
const MAX_PLACES = 1_000

const ENVIRONMENTS = `
SELECT e.id, e."projectId", e.name, CASE WHEN o.runs THEN o."releaseId" END AS running FROM "Environment" e
LEFT JOIN LATERAL (${OBSERVED_THERE}) o ON true
WHERE e."projectId" = ANY($1::int[]) AND e."removedAt" IS NULL
ORDER BY e.position, e.id LIMIT ${MAX_PLACES}`

/** Environments of these projects in their order, with what each runs. */
export async function readEnvironments(record: RecordHandle, projects: number[]): Promise<Environment[]> {
  const { rows } = await record.pool.query<Environment>(ENVIRONMENTS, [projects])
  return rows
}

interface Standing {
  releaseId: number
  environmentId: number
  id: number
  status: string
}

/** The latest promotion of each release to each environment. */
export async function readStandings(record: RecordHandle, releases: number[]): Promise<Standing[]> {
  const { rows } = await record.pool.query<Standing>(
    `SELECT DISTINCT ON ("releaseId", "environmentId") "releaseId", "environmentId", id, status FROM "Promotion"
     WHERE "releaseId" = ANY($1::int[]) ORDER BY "releaseId", "environmentId", id DESC`,
    [releases],
  )
  return rows
}

export const placesOf = (
  release: { id: number; projectId: number },
  environments: readonly Environment[],
  standings: readonly Standing[],
): PlaceOf[] =>
  environments
    .filter((e) => e.projectId === release.projectId)
    .map((e) => {
      const latest = standings.find((s) => s.releaseId === release.id && s.environmentId === e.id)
      return {
        environment: e.name,
        environmentId: e.id,
        status: latest?.status ?? null,
        promotion: latest?.id ?? null,
        running: e.running === release.id,
      }
    })
