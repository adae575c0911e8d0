// How GitLab pages its lists: by number with X- headers, or by key with a Link alone.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { wrong } from './asker'

interface Query {
  page?: string
  per_page?: string
  pagination?: string
  page_token?: string
}

const MOST_PER_PAGE = 100

/** Refuses what is no number of a page; else undefined. For a hook before every route. */
export async function checkPage(request: FastifyRequest, reply: FastifyReply) {
  const { page, per_page } = request.query as Query
  if (page !== undefined && !/^\d{1,9}$/.test(page)) return wrong(reply, 'page is invalid')
  if (per_page !== undefined && !/^\d{1,9}$/.test(per_page)) return wrong(reply, 'per_page is invalid')
  if (per_page === '0') return wrong(reply, 'per_page does not have a valid value')
}

export function sizeOf(request: FastifyRequest): number {
  return Math.min(MOST_PER_PAGE, Math.max(1, Number((request.query as Query).per_page ?? 20)))
}

const numberOf = (request: FastifyRequest) => Math.max(1, Number((request.query as Query).page ?? 1))

export const isKeyset = (request: FastifyRequest) => (request.query as Query).pagination === 'keyset'

function link(request: FastifyRequest, rel: string, more: Record<string, string>): string {
  const url = new URL(request.url, 'http://forge')
  for (const [name, value] of Object.entries(more)) url.searchParams.set(name, value)
  return `<http://${request.headers.host}${url.pathname}${url.search}>; rel="${rel}"`
}

/** Offset paging of a whole list. */
export function page<T>(request: FastifyRequest, reply: FastifyReply, all: readonly T[]): T[] {
  const [size, number] = [sizeOf(request), numberOf(request)]
  const pages = Math.max(1, Math.ceil(all.length / size))
  reply.headers({ 'x-total': all.length, 'x-total-pages': pages })
  turn(request, reply, number < pages, pages)
  return all.slice((number - 1) * size, number * size)
}

/**
 * Offset paging of a list too long to count, as GitLab's of commits: no totals.
 * @param read gives `most` items after the first `skip`
 */
export async function pageUncounted<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  read: (skip: number, most: number) => Promise<T[]>,
): Promise<T[]> {
  const [size, number] = [sizeOf(request), numberOf(request)]
  const found = await read((number - 1) * size, size + 1)
  turn(request, reply, found.length > size)
  return found.slice(0, size)
}

function turn(request: FastifyRequest, reply: FastifyReply, more: boolean, pages?: number) {
  const number = numberOf(request)
  const to = (rel: string, n: number) => link(request, rel, { page: String(n), per_page: String(sizeOf(request)) })
  reply.headers({
    'x-page': number,
    'x-per-page': sizeOf(request),
    'x-next-page': more ? number + 1 : '',
    'x-prev-page': number > 1 ? number - 1 : '',
    link: [
      ...(number > 1 ? [to('prev', number - 1)] : []),
      ...(more ? [to('next', number + 1)] : []),
      to('first', 1),
      ...(pages === undefined ? [] : [to('last', pages)]),
    ].join(', '),
  })
}

/**
 * Keyset paging: the beginning of a list that holds only what comes after the last page's key.
 * @param name of the parameter that carries the key of the last item on
 */
export function pageByKey<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  rest: readonly T[],
  keyOf: (item: T) => string,
  name: string,
): T[] {
  const items = rest.slice(0, sizeOf(request))
  const last = items.at(-1)
  if (last !== undefined && items.length < rest.length)
    reply.header('link', link(request, 'next', { [name]: keyOf(last), per_page: String(sizeOf(request)) }))
  return items
}

/** Pages a list by number, or by key where that is asked for; a key that is gone ends the list. */
export function pageEither<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  all: readonly T[],
  keyOf: (item: T) => string,
) {
  if (!isKeyset(request)) return page(request, reply, all)
  const { page_token: token } = request.query as Query
  const at = token === undefined ? -1 : all.findIndex((item) => keyOf(item) === token)
  const rest = token !== undefined && at < 0 ? [] : all.slice(at + 1)
  return pageByKey(request, reply, rest, keyOf, 'page_token')
}
