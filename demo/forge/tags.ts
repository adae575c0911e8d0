// Tags of a repository, for every API that the forge speaks.
import { isBranchName } from './branch-names'
import { changeRefs } from './changes'
import { TAGS } from './happening'
import type { User } from './people'
import { git, type Project, resolve } from './repositories'
import type { World } from './world'

export interface Tag {
  name: string
  /** The tag object where it is annotated, else the commit. */
  target: string
  /** The commit it stands for; empty: it is of no commit. */
  commit: string
  message: string
  createdAt: string
}

export type TagRefusal = { refused: 'exists' | 'name' | 'ref'; because: string }

const FORMAT =
  '%(refname:strip=2)%00%(objectname)%00%(objecttype)%00%(*objectname)%00%(creatordate:iso-strict)%00%(contents)%01'

/** By name, or the one of a name. */
export async function tagsOf(project: Project, name?: string): Promise<Tag[]> {
  const out = await git(project.dir, ['for-each-ref', `--format=${FORMAT}`, TAGS + (name ?? '')])
  return out
    .split('\u0001')
    .map((entry) => entry.trimStart())
    .filter(Boolean)
    .map((entry) => {
      const [tag = '', target = '', type, peeled = '', createdAt = '', message = ''] = entry.split('\0')
      const annotated = type === 'tag'
      return {
        name: tag,
        target,
        commit: annotated ? peeled : target,
        message: annotated ? message.trim() : '',
        createdAt,
      }
    })
    .filter((tag) => name === undefined || tag.name === name)
}

export async function tagNamed(project: Project, name: string): Promise<Tag | null> {
  return isBranchName(name) ? ((await tagsOf(project, name))[0] ?? null) : null
}

/** Makes a tag, annotated where there is a message; hooks are told as of a push. */
export async function createTag(
  world: World,
  by: { project: Project; user: User },
  wanted: { name: string; ref: string; message: string },
): Promise<Tag | TagRefusal> {
  const { name, ref, message } = wanted
  const { dir } = by.project
  if (!isBranchName(name)) return { refused: 'name', because: 'Tag name invalid' }
  return changeRefs(world, by, async (): Promise<Tag | TagRefusal> => {
    if ((await tagNamed(by.project, name)) !== null) return { refused: 'exists', because: `Tag ${name} already exists` }
    const commit = await resolve(dir, ref)
    if (commit === null) return { refused: 'ref', because: `Target ${ref} is invalid` }
    const who = { GIT_COMMITTER_NAME: by.user.name, GIT_COMMITTER_EMAIL: `${by.user.username}@example.com` }
    const annotation = message.trim() === '' ? [] : ['--annotate', '--cleanup=verbatim', `--message=${message}`]
    await git(dir, ['tag', ...annotation, '--', name, commit], who)
    const made = await tagNamed(by.project, name)
    if (made === null) throw new Error(`git made no tag ${name}`)
    return made
  })
}

/** @returns whether there was one */
export function removeTag(world: World, by: { project: Project; user: User }, name: string): Promise<boolean> {
  return changeRefs(world, by, async () => {
    const tag = await tagNamed(by.project, name)
    if (tag !== null) await git(by.project.dir, ['update-ref', '-d', '--', TAGS + name, tag.target])
    return tag !== null
  })
}
