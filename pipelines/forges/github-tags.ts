// Branches and tags of a repository on GitHub.
import { z } from 'zod'
import { firstLine } from '../title'
import type { Done, ForgeBranch } from './forge'
import { isTooWeak, orNull, type Place, pages, read, Sha } from './github-answers'
import { GithubFault } from './github-requester'

const MOST_BRANCHES = 2_000
/** A tag of a tag of a tag: git allows it, nobody needs it. */
const MOST_NESTED = 5

const Branch = z.object({
  name: z.string(),
  // The list holds the hash alone; one branch by itself holds its commit as well.
  commit: z.object({ sha: Sha, commit: z.object({ message: z.string().catch('') }).optional() }),
  protected: z.boolean().catch(false),
})
const Ref = z.object({ object: z.object({ type: z.string(), sha: Sha }) })

/** 409: a repository without a commit has no branch. 301: GitHub leads on to what a branch was renamed to. */
const isNoBranch = (error: unknown) =>
  error instanceof GithubFault &&
  (error.status === 404 ||
    (error.status === 409 && /empty/i.test(error.words)) ||
    (error.status === 301 && /moved permanently/i.test(error.words)))

export async function head({ octokit, at }: Place, branch: string): Promise<{ commit: string; title: string } | null> {
  if (branch === '') return null // the address without a name is that of the list
  try {
    const answer = await octokit.rest.repos.getBranch({ ...at, branch })
    const found = read(Branch, answer, `the branch ${JSON.stringify(branch)}`)
    return { commit: found.commit.sha, title: firstLine(found.commit.commit?.message ?? '') }
  } catch (error) {
    if (isNoBranch(error)) return null
    throw error
  }
}

/** GitHub's list names no titles: they are empty. */
export async function branches({ octokit, at }: Place): Promise<{ branches: ForgeBranch[]; isComplete: boolean }> {
  const { items, isComplete } = await pages(Branch, MOST_BRANCHES, 'the list of branches', (page) =>
    octokit.rest.repos.listBranches({ ...at, ...page }),
  )
  const shapes = items.map((branch) => ({
    name: branch.name,
    commit: branch.commit.sha,
    title: '',
    protected: branch.protected,
  }))
  return { branches: shapes, isComplete }
}

export async function tag({ octokit, at }: Place, name: string): Promise<{ commit: string } | null> {
  if (name === '') return null
  const found = await orNull(octokit.rest.git.getRef({ ...at, ref: `tags/${name}` }).catch(emptyIsMissing))
  if (found === null) return null
  let { object } = read(Ref, found, `the tag ${JSON.stringify(name)}`)
  for (let depth = 0; object.type === 'tag' && depth < MOST_NESTED; depth++) {
    const next = await octokit.rest.git.getTag({ ...at, tag_sha: object.sha })
    object = read(Ref, next, `the tag ${JSON.stringify(name)}`).object
  }
  return object.type === 'commit' ? { commit: object.sha } : null
}

/** "Git Repository is empty." comes as a 409. */
function emptyIsMissing(error: unknown): never {
  if (!(error instanceof GithubFault) || error.status !== 409 || !/empty/i.test(error.words)) throw error
  throw new GithubFault('forge.missing', error.message, { status: 404, words: error.words })
}

type WantedTag = { name: string; commit: string; message: string }

export async function createTag(place: Place, wanted: WantedTag): Promise<Done> {
  const { octokit, at } = place
  const before = await tag(place, wanted.name)
  if (before !== null) return thereAlready(wanted, before)
  const { name, commit } = wanted
  try {
    const message = wanted.message || name // without one it is no tag object
    const made = await octokit.rest.git.createTag({ ...at, tag: name, message, object: commit, type: 'commit' })
    const { sha } = read(z.object({ sha: Sha }), made, 'the tag object')
    await octokit.rest.git.createRef({ ...at, ref: `refs/tags/${name}`, sha })
    return { ok: true, because: `made on ${commit}` }
  } catch (error) {
    return whyRefused(place, wanted, error)
  }
}

/** Rules of the repository and names that git does not take are 422; 403 and 404 are of who may not push there. */
async function whyRefused(place: Place, wanted: WantedTag, error: unknown): Promise<Done> {
  const isAnswer = error instanceof GithubFault && [403, 404, 409, 422].includes(error.status)
  if (!isAnswer || error.code === 'forge.busy' || isTooWeak(error)) throw error
  const now = await tag(place, wanted.name) // somebody may have been quicker
  if (now !== null) return thereAlready(wanted, now)
  return { ok: false, because: `GitHub does not make the tag ${wanted.name}: ${error.words}` }
}

function thereAlready({ name, commit }: WantedTag, { commit: now }: { commit: string }): Done {
  if (now === commit) return { ok: true, because: `it is on ${commit} already` }
  return { ok: false, because: `the tag ${name} exists on another commit, ${now}` }
}
