// Tags at GitLab. https://docs.gitlab.com/api/tags/

import { Tags } from '@gitbeaker/rest'
import { z } from 'zod'
import type { Done, Forge } from './forge'
import { type Asking, Hash, lacksScope, orNull, read, tell, unless } from './gitlab-verb'

/** `commit` is dereferenced; null: the tag names something else, a tree or a file. */
const Tag = z.object({ commit: z.object({ id: Hash }).nullish() })

async function tagOf(tags: Tags, projectId: number, name: string): Promise<{ commit: string } | null> {
  const found = await orNull(/\b(tag|repository)\b/i, tags.show(projectId, name))
  if (found === null) return null
  const { commit } = read(Tag, found, `the tag ${JSON.stringify(name)}`)
  return commit ? { commit: commit.id } : null
}

type WantedTag = Parameters<Forge['createTag']>[1]

/** GitLab's 400 says "already exists" of the same tag and of another one alike: what is there decides. */
async function createTag(tags: Tags, projectId: number, { name, commit, message }: WantedTag): Promise<Done> {
  // Without a message the tag would not be annotated.
  const made = await unless([400, 403, 422], tags.create(projectId, name, commit, { message: message || name }))
  if (!(made instanceof Error)) return { ok: true, because: `made on ${commit}` }
  if (lacksScope(made)) throw made
  const there = await tagOf(tags, projectId, name)
  if (there?.commit === commit) return { ok: true, because: `it is on ${commit} already` }
  if (there !== null) return { ok: false, because: `the tag ${name} exists on another commit, ${there.commit}` }
  const protectedBecause = made.status === 403 ? ': a protected tag lets the token not make it' : ''
  return { ok: false, because: `GitLab does not make the tag ${name}: ${made.words}${protectedBecause}` }
}

export function tagVerbs({ options, secrets }: Asking): Pick<Forge, 'tag' | 'createTag'> {
  const tags = new Tags(options)
  const right = 'role Developer in this project and, for a protected tag, the right to make it'
  return {
    tag: (projectId, name) => tell(right, secrets, () => tagOf(tags, projectId, name)),
    createTag: (projectId, tag) => tell(right, secrets, () => createTag(tags, projectId, tag)),
  }
}
