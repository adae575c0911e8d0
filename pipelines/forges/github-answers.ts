// What we read of GitHub's answers, and what each right is called there; the rest may change as it likes.
import type { Octokit } from '@octokit/rest'
import { z } from 'zod'
import { Fault } from '../fault'
import { maskSecrets } from './asking'
import { GithubFault } from './github-requester'

export const Sha = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/)
/** Octokit reads a number beyond 2^53 as a bigint. */
export const BigId = z.union([z.number().int(), z.bigint()]).transform(BigInt)

export const Repository = z.object({
  id: z.number().int(),
  name: z.string(),
  full_name: z.string(),
  html_url: z.string(),
  clone_url: z.string().catch(''),
  default_branch: z.string().nullish(),
  permissions: z
    .object({ admin: z.boolean().nullish(), maintain: z.boolean().nullish(), push: z.boolean().nullish() })
    .nullish()
    .catch(null),
  // Told to those alone who may push.
  allow_merge_commit: z.boolean().nullish(),
  allow_squash_merge: z.boolean().nullish(),
  allow_rebase_merge: z.boolean().nullish(),
})
export type Repository = z.infer<typeof Repository>

/** One repository, found: where its calls go. */
export interface Place {
  octokit: Octokit
  /** For every call: its owner and name as they are now. */
  at: { owner: string; repo: string }
  repository: Repository
  /** Milliseconds for a verb that has to wait. */
  deadlineMs: number
}

/** Checks an answer; one that is not GitHub's is a Fault that names the call. */
export function read<T>(shape: z.ZodType<T>, answer: { data: unknown }, call: string): T {
  const result = shape.safeParse(answer.data)
  if (result.success) return result.data
  const where = result.error.issues[0]?.path.join('.') || 'its shape'
  throw new Fault(
    'forge.unreachable',
    `${call}: the answer is not one of GitHub (${where}): is the forge's address right?`,
  )
}

type Page = { page: number; per_page: number }

/**
 * The items of a paged list, at most `most` (a multiple of 100), and whether these are all. GitHub says by a link whether
 * there is more; the link itself is not followed, for it may lead anywhere.
 */
export async function pages<T>(
  shape: z.ZodType<T>,
  most: number,
  call: string,
  ask: (page: Page) => Promise<{ data: unknown; headers: { link?: string | undefined } }>,
): Promise<{ items: T[]; isComplete: boolean }> {
  const items: T[] = []
  for (let page = 1; page * 100 <= most; page++) {
    const answer = await ask({ page, per_page: 100 })
    items.push(...read(z.array(shape), answer, call))
    if (!/rel="next"/.test(answer.headers.link ?? '')) return { items, isComplete: true }
  }
  return { items, isComplete: false }
}

const isStatus = (error: unknown, status: number): error is GithubFault =>
  error instanceof GithubFault && error.status === status

/** Null where GitHub says that there is no such thing in a repository that was found. */
export const orNull = async <T>(call: Promise<T>): Promise<T | null> =>
  call.catch((error: unknown) => {
    if (isStatus(error, 404)) return null
    throw error
  })

/** GitHub hides with a 404 what a token may not do; in a repository that was found, that is a denial. */
export const hidden = async <T>(call: Promise<T>): Promise<T> =>
  call.catch((error: unknown) => {
    if (!isStatus(error, 404)) throw error
    const { message, status, words } = error
    throw new GithubFault('forge.denied', message, { status, words })
  })

/** The token itself is too weak, whoever it belongs to: never an answer about one pull request or tag. */
export const isTooWeak = ({ status, words }: GithubFault) =>
  status === 401 || (status === 403 && /not accessible by|SAML|SSO|single sign-on|scope/i.test(words))

/** What to do about a denial, by the right that the verb needs. */
function remedyOf({ status, words }: GithubFault, right: string): string {
  if (status === 401)
    return 'the token is not accepted: it was revoked, has expired, or belongs to another GitHub. Make a new one'
  if (/SAML|SSO|single sign-on/i.test(words))
    return "the organization wants single sign-on: authorize the token for it on GitHub's page of the token"
  return `the token may not do this. It needs ${right}`
}

/** Runs one verb; a denied call says what right is missing, and nothing that leaves holds a secret. */
export async function tell<T>(right: string, secrets: readonly string[], call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof GithubFault)) throw error
    const because = error.code === 'forge.denied' ? `${error.message}: ${remedyOf(error, right)}` : error.message
    const { status, retryAfterMs } = error
    throw new GithubFault(error.code, maskSecrets(because, secrets), {
      status,
      words: maskSecrets(error.words, secrets),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  }
}
