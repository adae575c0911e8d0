// Merging in a bare repository: by git itself, with no work tree.
import type { User } from './people'
import { git } from './repositories'

const codeOf = (error: unknown) => (error as { code?: unknown }).code

/** Whether `later` contains `earlier`; both are commits of this repository. */
export const isAncestor = (dir: string, earlier: string, later: string): Promise<boolean> =>
  git(dir, ['merge-base', '--is-ancestor', earlier, later]).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === 1) return false // that is the answer
      throw error
    },
  )

/** The newest commit that both contain; null: their histories never met. */
export const mergeBase = (dir: string, one: string, other: string): Promise<string | null> =>
  git(dir, ['merge-base', one, other]).then(
    (out) => out.trim(),
    (error: unknown) => {
      if (codeOf(error) === 1) return null // that is the answer
      throw error
    },
  )

/** The tree that merging makes; null: the two conflict. */
export const treeOfMerge = (dir: string, ours: string, theirs: string): Promise<string | null> =>
  git(dir, ['merge-tree', '--write-tree', ours, theirs]).then(
    (out) => out.trim(),
    (error: unknown) => {
      if (codeOf(error) === 1) return null // that is the answer
      throw error
    },
  )

export async function commitTree(
  dir: string,
  commit: { tree: string; parents: readonly string[]; message: string; user: User },
): Promise<string> {
  const { tree, parents, message, user } = commit
  const who = { NAME: user.name, EMAIL: `${user.username}@example.com` }
  const out = await git(dir, ['commit-tree', tree, ...parents.flatMap((p) => ['-p', p]), '-m', message], {
    GIT_AUTHOR_NAME: who.NAME,
    GIT_AUTHOR_EMAIL: who.EMAIL,
    GIT_COMMITTER_NAME: who.NAME,
    GIT_COMMITTER_EMAIL: who.EMAIL,
  })
  return out.trim()
}
