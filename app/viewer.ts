import { cookies, headers } from 'next/headers'
import { notFound, redirect } from 'next/navigation'
import { cache } from 'react'
import { type Action, may, PERMITS, sees, type Viewer, type Where } from './_server/permit'
import { theRecord } from './_server/record'
import type { Place } from './_server/rest/where'
import { viewerFromCookie } from './_server/session'

/** Who is looking, or null. Asked once for each page, however many parts ask. */
export const whoLooks = cache(async (): Promise<Viewer | null> => {
  await cookies() // never made ahead of time, at build
  return viewerFromCookie(theRecord(), (await headers()).get('cookie'))
})

/** `where`: of the thing that the page is about, where it is about one. */
export type Asking =
  | { ok: true; viewer: Viewer; where: Where | undefined }
  | { ok: false; viewer: Viewer; where: Where | undefined; why: string }

/** As in the REST table, by the id that stands in the page's address: [ofRun, id] */
export type About = readonly [of: (id: string) => Place, id: string]

const lookUp = cache((of: About[0], id: string) => of(id)(theRecord()))

/**
 * Every page begins with this, whatever the server in front has checked. Without a session it leads to /login; a thing
 * that they may not see is not found.
 * @param path this page's own address, to come back to
 */
export async function viewer(action: Action, path: string, about?: About): Promise<Asking> {
  const who = await whoLooks()
  if (!who) redirect(`/login?next=${encodeURIComponent(path)}`)
  const where = about === undefined ? undefined : (await lookUp(...about)).where
  if (where === null || (where !== undefined && !sees(who, where.projectId))) notFound()
  return may(who, action, where)
    ? { ok: true, viewer: who, where }
    : { ok: false, viewer: who, where, why: PERMITS[action].why }
}

/** A single value of a page's query; what was sent twice counts as absent. */
export const one = (value: string | string[] | undefined) =>
  typeof value === 'string' && value !== '' ? value : undefined
