// The names that GitLab lets a branch have, and the filters of webhooks on them; pure.

/** What git and GitLab refuse in a name of a branch: see git-check-ref-format. */
const NOT_IN_A_NAME = [
  /^$/,
  /[\p{Cc} ~^:?*[\\]/u,
  /\.\.|@\{|\/\/|\/\.|\.lock(\/|$)/,
  /^[-./]|^refs\/(heads|remotes)\//,
  /[./]$/,
  /^(@|HEAD)$/,
  /^[0-9a-f]{40}([0-9a-f]{24})?$/, // would be taken for a commit
]
const MAX_BYTES = 244 // a lock file of this name must still be possible

export const isBranchName = (name: string) =>
  Buffer.byteLength(name) <= MAX_BYTES && !NOT_IN_A_NAME.some((wrong) => wrong.test(name))

export interface BranchFilter {
  strategy: 'wildcard' | 'regex' | 'all_branches'
  /** '' lets every branch pass. */
  pattern: string
}

export const isStrategy = (text: unknown): text is BranchFilter['strategy'] =>
  text === 'wildcard' || text === 'regex' || text === 'all_branches'

export function isFilter({ strategy, pattern }: BranchFilter): boolean {
  if (pattern === '' || strategy === 'all_branches') return true
  if (strategy === 'wildcard') return isBranchName(pattern.replaceAll('*', 'x'))
  try {
    return pattern.length <= MAX_BYTES && new RegExp(pattern) instanceof RegExp
  } catch {
    return false // that is the answer
  }
}

/** Whether a filter lets a branch pass. A `*` stands for anything, slashes too. */
export function passes({ strategy, pattern }: BranchFilter, branch: string): boolean {
  if (pattern === '' || strategy === 'all_branches') return true
  if (strategy === 'regex') return new RegExp(pattern).test(branch)
  const parts = pattern.split('*').map((part) => part.replace(/[.+^${}()|[\]\\?]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(branch)
}
