import { cookies, headers } from 'next/headers'
import { redirect } from 'next/navigation'
import { cache } from 'react'
import { type Action, may, PERMITS, type Viewer } from './_server/permit'
import { theRecord } from './_server/record'
import { viewerFromCookie } from './_server/session'

/** Who is looking, or null. Asked once for each page, however many parts ask. */
export const whoLooks = cache(async (): Promise<Viewer | null> => {
  await cookies() // never made ahead of time, at build
  return viewerFromCookie(theRecord(), (await headers()).get('cookie'))
})

export type Asking = { ok: true; viewer: Viewer } | { ok: false; viewer: Viewer; why: string }

/**
 * Every page begins with this, whatever the server in front has checked. Without a session it leads to /login.
 * @param path this page's own address, to come back to
 */
export async function viewer(action: Action, path: string): Promise<Asking> {
  const who = await whoLooks()
  if (!who) redirect(`/login?next=${encodeURIComponent(path)}`)
  return may(who, action) ? { ok: true, viewer: who } : { ok: false, viewer: who, why: PERMITS[action].why }
}

/** A single value of a page's query; what was sent twice counts as absent. */
export const one = (value: string | string[] | undefined) =>
  typeof value === 'string' && value !== '' ? value : undefined
