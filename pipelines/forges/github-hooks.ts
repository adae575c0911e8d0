// Webhooks on GitHub. It signs every delivery with the hook's secret; it never switches a hook off by itself.
import { z } from 'zod'
import type { ForgeHook } from './forge'
import { hidden, orNull, type Place, pages, read } from './github-answers'
import { GithubFault } from './github-requester'

const EVENTS = ['push', 'pull_request', 'pull_request_review']

const Hook = z.object({
  id: z.number().int(),
  active: z.boolean(),
  events: z.array(z.string()).catch([]),
  config: z.object({ url: z.string().catch('') }).catch({ url: '' }),
  last_response: z
    .object({ code: z.number().nullish(), status: z.string().nullish(), message: z.string().nullish() })
    .nullish()
    .catch(null),
})

const LOCAL_NETWORK =
  'github.com sends webhooks to addresses on the public Internet alone: give Shiplock one (PUBLIC_URL), or a relay'

/** Of two hooks made at once for one address the second is refused. */
const isTaken = (error: unknown) =>
  error instanceof GithubFault && error.status === 422 && /already exists/i.test(error.words)

/** GitHub's 422 about an address, with what to do about it. */
function explainRefusedUrl(error: unknown): unknown {
  if (!(error instanceof GithubFault) || error.status !== 422 || !/url|public internet/i.test(error.words)) return error
  const { status, words } = error
  return new GithubFault('forge.refused', `${error.message}. ${LOCAL_NETWORK}`, { status, words })
}

/** Makes the webhook, or sets the one of this address right. Surplus ones go: each would deliver everything once more. */
export async function ensureHook(place: Place, url: string, secret: string): Promise<ForgeHook> {
  try {
    return { id: await make(place, url, secret), signed: true }
  } catch (error) {
    if (!isTaken(error)) throw explainRefusedUrl(error)
    return { id: await make(place, url, secret), signed: true }
  }
}

async function make({ octokit, at }: Place, url: string, secret: string): Promise<number> {
  const listed = await hidden(
    pages(Hook, 1_000, 'the list of webhooks', (page) => octokit.rest.repos.listWebhooks({ ...at, ...page })),
  )
  const [first, ...surplus] = listed.items.filter((hook) => hook.config.url === url)
  for (const hook of surplus) await orNull(octokit.rest.repos.deleteWebhook({ ...at, hook_id: hook.id }))
  // GitHub keeps what a change leaves out, except in `config`, which it replaces as a whole.
  const wanted = { config: { url, content_type: 'json', secret, insecure_ssl: '0' }, events: EVENTS, active: true }
  const { createWebhook, updateWebhook } = octokit.rest.repos
  const made = await (first === undefined
    ? hidden(createWebhook({ ...at, name: 'web', ...wanted }))
    : hidden(updateWebhook({ ...at, hook_id: first.id, ...wanted })))
  return read(Hook, made, 'the webhook').id
}

/** Whether it is there and delivers what is needed. What the last delivery was answered is told, and judges nothing. */
export async function hookState({ octokit, at }: Place, hookId: number): Promise<{ alive: boolean; because: string }> {
  const found = await orNull(octokit.rest.repos.getWebhook({ ...at, hook_id: hookId }))
  if (found === null)
    return { alive: false, because: 'GitHub shows no such webhook: it is gone, or the token lost its right to see it' }
  const { active, events, last_response: last } = read(Hook, found, 'the webhook')
  if (!active) return { alive: false, because: 'the webhook is switched off on GitHub (active: false)' }
  const missing = events.includes('*') ? [] : EVENTS.filter((event) => !events.includes(event))
  if (missing.length > 0) return { alive: false, because: `the webhook does not send ${missing.join(', ')}` }
  const words = [last?.code ?? '', last?.status ?? '', last?.message ?? ''].filter(Boolean).join(' ')
  return { alive: true, because: words === '' ? 'active' : `active; the last delivery: ${words}` }
}
