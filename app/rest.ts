'use client'
// How a page in the browser changes something: it asks REST, as everybody does.

export class Refused extends Error {
  /** @param code of FAULTS; empty where nothing of ours answered */
  constructor(
    message: string,
    readonly code = '',
  ) {
    super(message)
  }
}

/** Sends JSON to REST and gives the answer back. Throws Refused, with the reason in words; `offline` where nothing answered. */
export async function ask(
  method: 'POST' | 'DELETE',
  path: `/api/v1/${string}`,
  body: unknown,
  offline: string,
): Promise<unknown> {
  let response: Response
  try {
    response = await fetch(path, {
      method,
      signal: AbortSignal.timeout(30_000),
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
  } catch {
    throw new Refused(offline) // no connection, or no answer in time
  }
  if (response.status === 204) return undefined
  const answer: unknown = await response.json().catch(() => undefined) // a proxy's error page is no JSON
  if (response.ok) return answer
  throw new Refused(textOf(answer, 'message') ?? `${offline} (${response.status})`, textOf(answer, 'code') ?? '')
}

function textOf(answer: unknown, key: 'message' | 'code'): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined
  const error = answer.error as Partial<Record<typeof key, unknown>> | null
  const text = error?.[key]
  return typeof text === 'string' ? text : undefined
}
