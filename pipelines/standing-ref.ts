// A ref that the forge still knows: a branch may be deleted once it is merged, and news of its commit must arrive all the same.

import type { Tx } from '../prisma/record'
import { isFault } from './fault'
import type { Forge } from './forges/forge'

interface Known {
  forge: Pick<Forge, 'head' | 'tag' | 'project'>
  project: { forgeProjectId: number; path: string }
}

/** What a report is about. `branch`: where it was pushed, or another ref of the forge. */
interface About {
  branch: string
  /** Version tags of the commit, or of its release, the best first. */
  tags: readonly string[]
}

/**
 * Tells the forge with the branch; where that is refused and the branch is gone, with the version tag, else with the default
 * branch. As long as the branch is there nothing more is asked.
 * @throws Fault as `tell`, where the branch is there or no other ref is
 */
export async function withStandingRef<T>(known: Known, about: About, tell: (ref: string) => Promise<T>): Promise<T> {
  try {
    return await tell(about.branch)
  } catch (error) {
    if (!isFault(error) || (error.code !== 'forge.refused' && error.code !== 'forge.missing')) throw error
    const other = await standingRef(known, about)
    if (other === null) throw error
    return tell(other)
  }
}

async function standingRef({ forge, project }: Known, { branch, tags }: About): Promise<string | null> {
  const at = project.forgeProjectId
  if ((await forge.head(at, branch)) !== null) return null // it is refused for something else
  for (const name of tags) if ((await forge.tag(at, name)) !== null) return `refs/tags/${name}`
  const { defaultBranch } = await forge.project(project.path)
  return defaultBranch === null || defaultBranch === branch ? null : defaultBranch
}

const MOST_TAGS = 3

/** The version tags that are on a commit, or on another one of the same release. */
export async function tagsOf(
  db: Pick<Tx, 'query'>,
  of: { projectId: number; commit: string; releaseId: number | null },
): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT name FROM "Tag" WHERE "projectId" = $1 AND name IS NOT NULL AND status IN ('made', 'taken') AND ("commit" = $2 OR "releaseId" = $3)
     ORDER BY "commit" = $2 DESC, id DESC LIMIT ${MOST_TAGS}`,
    [of.projectId, of.commit, of.releaseId],
  )
  return rows.map((row) => row.name)
}
