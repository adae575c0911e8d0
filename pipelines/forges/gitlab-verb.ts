// What every verb of the GitLab driver shares: how it is run, how an answer is read, and how a list is paged.

import type { BaseResourceOptions } from '@gitbeaker/requester-utils'
import { z } from 'zod'
import { Fault } from '../fault'
import { maskSecrets } from './asking'
import { GitlabFault } from './gitlab-requester'

/** One project's GitLab, as the verbs ask it. */
export interface Asking {
  options: BaseResourceOptions<false>
  /** The forge's address: no slash at its end. */
  host: string
  /** group/name. */
  path: string
  /** Milliseconds for one call, and for a verb that has to wait. */
  deadlineMs: number
  secrets: readonly string[]
}

export const DEVELOPER = 'role Developer or higher in this project'
export const REPORTER = 'role Reporter or higher in this project'

export const Hash = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/)
export const Id = z.number().int().positive()

/** What to do about a 401 or 403, by the right that the verb needs. */
function remedyOf(fault: GitlabFault, right: string): string {
  if (fault.status === 401)
    return 'the token is not accepted: it was revoked, has expired, or belongs to another GitLab. Make a new project access token with scope api'
  if (lacksScope(fault)) return 'the token lacks the scope api. Make a new project access token with it'
  return `the token may not do this. It needs ${right}`
}

/** The token itself is too weak, whoever it belongs to: never an answer about one merge request. */
export const lacksScope = (fault: GitlabFault) => fault.status === 403 && /scope/i.test(fault.words)

/** Runs one verb; a denied call says what right is missing, and nothing that leaves holds a secret. */
export async function tell<T>(right: string, secrets: readonly string[], call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof GitlabFault)) throw error
    const because = error.code === 'forge.denied' ? `${error.message}: ${remedyOf(error, right)}` : error.message
    const { status, retryAfterMs } = error
    throw new GitlabFault(error.code, maskSecrets(because, secrets), {
      status,
      words: maskSecrets(error.words, secrets),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  }
}

/** Checks an answer; one that is not GitLab's is a Fault that names the call. */
export function read<T>(shape: z.ZodType<T>, answer: unknown, call: string): T {
  const result = shape.safeParse(answer)
  if (result.success) return result.data
  const where = result.error.issues[0]?.path.join('.') || 'its shape'
  throw new Fault(
    'forge.unreachable',
    `${call}: the answer is not one of GitLab (${where}): is the forge's address right?`,
  )
}

/** The Fault as a value where GitLab answered with one of these codes: there it is an answer. */
export async function unless<T>(statuses: readonly number[], call: Promise<T>): Promise<T | GitlabFault> {
  try {
    return await call
  } catch (error) {
    if (error instanceof GitlabFault && statuses.includes(error.status)) return error
    throw error
  }
}

/**
 * The thing asked for is not there: "404 Tag Not Found", "404 Not found". A project that is not there, or is hidden, and a
 * 404 of something in front of GitLab are no such answer.
 */
export const isAbsent = (error: unknown, thing: RegExp) =>
  error instanceof GitlabFault &&
  error.status === 404 &&
  // Spelt so by what looks a record up; "404 Not Found" with capitals is said of an address that GitLab does not know.
  (error.words === '404 Not found' || (thing.test(error.words) && !/\bproject\b/i.test(error.words)))

/** Null where it is not there. */
export async function orNull<T>(thing: RegExp, call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if (isAbsent(error, thing)) return null
    throw error
  }
}

const Page = z.object({ data: z.array(z.unknown()), paginationInfo: z.object({ next: z.number().nullable() }) })

/** Items per page: GitLab's most. */
export const PAGE = 100

/**
 * Reads a list page by page, at most `most` pages, each within its own deadline. `ask` must be told `showExpanded`, and
 * `page`: with it gitbeaker follows no link by itself.
 */
export async function pages<T>(
  shape: z.ZodType<T>,
  most: number,
  ask: (page: { page: number; perPage: number; showExpanded: true }) => Promise<unknown>,
  call: string,
): Promise<{ items: T[]; isComplete: boolean }> {
  const items: T[] = []
  for (let page = 1; page <= most; page++) {
    const { data, paginationInfo } = read(Page, await ask({ page, perPage: PAGE, showExpanded: true }), call)
    items.push(...read(z.array(shape), data, call))
    if (paginationInfo.next === null) return { items, isComplete: true }
  }
  return { items, isComplete: false }
}
