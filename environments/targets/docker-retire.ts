// The end of a set: of the old one, once the record says that the new one serves; or of a new one that shall not serve.
import type Docker from 'dockerode'
import { ask, askUnlessDone } from './docker-engine'
import { findContainers } from './docker-find'
import { removeContainers } from './docker-remove'
import { type Container, markedName, ofService, tellApart, unmarkedName } from './docker-replica'
import type { MadeBy, Where } from './target'

/** 404: it is gone already. 409: it is being removed. */
const GONE = [404, 409]

/** Marks replicas as replaced by this attempt: they run on, and no longer count as serving once it has taken over. */
export async function mark(docker: Docker, by: MadeBy, replaced: readonly Container[]): Promise<void> {
  await Promise.all(
    replaced.map(async ({ id, name }) => {
      const marked = markedName(unmarkedName(name), by)
      if (marked === name) return
      await askUnlessDone('rename a container', docker.getContainer(id).rename({ name: marked }), GONE)
    }),
  )
}

/** See target.ts. What was made later than the set that serves is another attempt's, and left alone. */
export async function retireOld(docker: Docker, where: Where, ids: readonly string[]): Promise<number> {
  const found = await findContainers(docker, ofService(where))
  const { serving, retired } = tellApart(found)
  if (!serving.some((c) => ids.includes(c.id))) return 0
  const newest = Math.max(...serving.map((c) => Date.parse(c.createdAt)))
  const old = retired.filter((c) => !ids.includes(c.id) && Date.parse(c.createdAt) <= newest)
  await removeContainers(docker, old, true)
  return old.length
}

/** See target.ts. */
export async function withdrawNew(docker: Docker, where: Where, { promotion, epoch }: MadeBy): Promise<number> {
  const isTheirs = (made: MadeBy) => made.promotion === promotion && made.epoch === epoch
  const found = await findContainers(docker, ofService(where))
  const theirs = found.filter(isTheirs)
  // First what served before is whole again: it may have lost replicas to the set that goes.
  await Promise.all(
    found
      .filter((c) => !isTheirs(c) && c.markedBy !== null && isTheirs(c.markedBy))
      .map(({ id, name }) => ask('rename a container', docker.getContainer(id).rename({ name: unmarkedName(name) }))),
  )
  await removeContainers(
    docker,
    theirs.filter((c) => c.halfMade),
    false,
  )
  await removeContainers(
    docker,
    theirs.filter((c) => !c.halfMade),
    true,
  )
  return theirs.length
}
