// Whatever changes refs goes through here, a push or an API call: what it did is known by comparing before and after.
import { announce, type RefChange } from './happening'
import type { User } from './people'
import { refreshMergeRequests } from './refresh'
import { type Project, readRefs } from './repositories'
import type { World } from './world'

function changesOf(before: Map<string, string>, after: Map<string, string>): RefChange[] {
  const zeros = '0'.repeat([...before.values(), ...after.values()][0]?.length ?? 40)
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((ref) => ({ ref, before: before.get(ref) ?? zeros, after: after.get(ref) ?? zeros }))
    .filter((change) => change.before !== change.after)
}

/**
 * Does what changes refs in the project's turn, then announces what it changed, and brings the merge requests of those
 * branches up to date. Work must not ask for the same project's turn: it would wait for itself.
 * @param optionsOf the push options, read after the work
 */
export function changeRefs<T>(
  world: World,
  { project, user }: { project: Project; user: User },
  work: () => Promise<T>,
  optionsOf: () => Promise<Record<string, unknown>> = async () => ({}),
): Promise<T> {
  const turn = world.turns.take(project.id, async () => {
    const before = await readRefs(project.dir)
    const answer = await work()
    const changes = changesOf(before, await readRefs(project.dir))
    const tell = async () => {
      if (changes.length === 0) return
      await announce(world.listeners, { kind: 'push', project, user, changes, options: await optionsOf() })
      await refreshMergeRequests(world, { project, user }, changes)
    }
    // What is done is done: whoever did it is answered, even where it could not be told of.
    await tell().catch((error: Error) => console.warn(`demo forge: after a push: ${error.message}`))
    return answer
  })
  world.sender.track(turn.catch(() => {})) // whoever asked hears of it
  return turn
}
