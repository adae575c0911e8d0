// The project's webhook at GitLab: made, brought up to date, and asked whether it still rings.

import { ProjectHooks } from '@gitbeaker/rest'
import { z } from 'zod'
import type { Forge, ForgeHook } from './forge'
import { GitlabFault } from './gitlab-requester'
import { type Asking, orNull, read, tell } from './gitlab-verb'

const Hook = z.object({ id: z.number().int(), url: z.string(), signing_token_present: z.boolean().nullish() })

/** Absent on an instance that is older than the field: what is not said is not wrong. */
const HookState = z.object({
  alert_status: z.string().nullish(),
  disabled_until: z.string().nullish(),
  push_events: z.boolean().nullish(),
  tag_push_events: z.boolean().nullish(),
  merge_requests_events: z.boolean().nullish(),
})

const MAINTAINER = 'role Maintainer in this project, for the webhook'

/** Signing is silently ignored by GitLab before 19.0: only what is read back counts, so the token is always set as well. */
function hookOptions(url: string, secrets: { token: string; signingKey: Buffer }) {
  return {
    name: 'Shiplock',
    token: secrets.token,
    signingToken: `whsec_${secrets.signingKey.toString('base64')}`,
    pushEvents: true,
    tagPushEvents: true,
    mergeRequestsEvents: true,
    enableSslVerification: url.startsWith('https:'),
    // No filter and no template: either would hide events, or change the body that the parser reads.
    pushEventsBranchFilter: '',
    branchFilterStrategy: 'all_branches',
    customWebhookTemplate: '',
  }
}

const LOCAL_NETWORK =
  'GitLab does not send webhooks to private addresses unless an administrator turns on "Allow requests to the local ' +
  'network from webhooks and integrations" (Admin area, Settings, Network, Outbound requests), or lists this address there'

async function ensureHook(
  hooks: ProjectHooks,
  projectId: number,
  url: string,
  secrets: { token: string; signingKey: Buffer },
): Promise<ForgeHook> {
  const options = hookOptions(url, secrets)
  const listed = await hooks.all(projectId, { perPage: 100, maxPages: 10 })
  const ours = read(z.array(Hook), listed, 'the list of webhooks').filter((hook) => hook.url === url)
  const [first, ...surplus] = ours
  // Two callers at once may each have added one; a second hook delivers everything twice, perhaps with an old secret.
  for (const hook of surplus) await hooks.remove(projectId, hook.id)
  const made =
    first === undefined ? await hooks.add(projectId, url, options) : await hooks.edit(projectId, first.id, url, options)
  const { id } = read(Hook, made, 'the webhook')
  const now = read(Hook, await hooks.show(projectId, id), 'the webhook, read back')
  return { id, signed: now.signing_token_present === true }
}

/** GitLab's 422 names no reason; this adds the one that it nearly always is. */
function explainRefusedUrl(error: unknown): unknown {
  if (!(error instanceof GitlabFault) || error.code !== 'forge.refused' || !/invalid url/i.test(error.words))
    return error
  return new GitlabFault('forge.refused', `${error.message}. ${LOCAL_NETWORK}`, {
    status: error.status,
    words: error.words,
  })
}

/** Why the webhook brings nothing, or not everything; empty: it rings. */
function silenceOf(hook: z.infer<typeof HookState>): string {
  if (hook.alert_status === 'temporarily_disabled') {
    const until = hook.disabled_until ? ` until ${hook.disabled_until}` : ' for a while'
    return `GitLab sends nothing to it${until}, because deliveries failed (temporarily_disabled)`
  }
  if (hook.alert_status === 'disabled')
    return 'GitLab has switched it off, because too many deliveries failed (disabled): send it a test event there'
  const off = [
    hook.push_events === false && 'pushes',
    hook.tag_push_events === false && 'tags',
    hook.merge_requests_events === false && 'merge requests',
  ].filter((kind) => kind !== false)
  return off.length === 0 ? '' : `it does not send ${off.join(' and ')}: somebody changed its settings`
}

export function hookVerbs({ options, secrets }: Asking): Pick<Forge, 'ensureHook' | 'hookState'> {
  const hooks = new ProjectHooks(options)
  return {
    ensureHook: (projectId, hookUrl, hookSecrets) => {
      const all = [...secrets, hookSecrets.token, hookSecrets.signingKey.toString('base64')]
      return tell(MAINTAINER, all, () =>
        ensureHook(hooks, projectId, hookUrl, hookSecrets).catch((error: unknown) => {
          throw explainRefusedUrl(error)
        }),
      )
    },

    hookState: (projectId, hookId) =>
      tell(MAINTAINER, secrets, async () => {
        const found = await orNull(/\bhook\b/i, hooks.show(projectId, hookId))
        if (found === null) return { alive: false, because: 'the webhook is gone: somebody deleted it' }
        const because = silenceOf(read(HookState, found, 'the webhook'))
        return { alive: because === '', because }
      }),
  }
}
