// A push as GitLab tells it: a JSON body of a wanted size, and the headers that sign it.
import { createHmac, randomBytes, randomUUID } from 'node:crypto'

const hash = () => randomBytes(20).toString('hex')

export interface Push {
  forgeProjectId: number
  path: string
  branch: string
  before: string
  after: string
}

/** GitLab names the newest 20 commits; their messages are stretched until the body has `bytes` (or as many as it must). */
export function pushBody({ forgeProjectId, path, branch, before, after }: Push, bytes: number): Buffer {
  const web = `https://gitlab.example.com/${path}`
  const commit = (id: string, message: string) => ({
    id,
    message,
    title: message.slice(0, 60),
    timestamp: '2026-11-20T09:12:44+08:00',
    url: `${web}/-/commit/${id}`,
    author: { name: 'Mia Chen', email: '[REDACTED]' },
    added: [],
    modified: [`src/${id.slice(0, 6)}.ts`],
    removed: [],
  })
  const commits = [commit(after, 'The newest')]
  const whole = () => ({
    object_kind: 'push',
    event_name: 'push',
    before,
    after,
    ref: `refs/heads/${branch}`,
    ref_protected: false,
    checkout_sha: after,
    message: null,
    user_id: 7,
    user_name: 'Mia Chen',
    user_username: 'mia',
    user_email: null,
    user_avatar: null,
    project_id: forgeProjectId,
    project: {
      id: forgeProjectId,
      name: path,
      web_url: web,
      git_http_url: `${web}.git`,
      path_with_namespace: path,
      default_branch: 'master',
    },
    commits,
    total_commits_count: commits.length,
    push_options: {},
    repository: { name: path, homepage: web },
  })
  const size = () => JSON.stringify(whole()).length
  const each = JSON.stringify(commit(hash(), '')).length + 100
  while (commits.length < 20 && size() + each < bytes)
    commits.unshift(commit(hash(), `Change ${randomBytes(24).toString('base64')}`))
  const short = Math.max(0, bytes - size())
  const first = commits[0]
  if (first) first.message += randomBytes(short).toString('base64').slice(0, short)
  return Buffer.from(JSON.stringify(whole()))
}

/** As GitLab 19 sends them. */
export function signedHeaders(body: Buffer, signingKey: Buffer): Record<string, string> {
  const id = randomUUID()
  const at = String(Math.floor(Date.now() / 1000))
  const signature = createHmac('sha256', signingKey).update(`${id}.${at}.`).update(body).digest('base64')
  return {
    'Content-Type': 'application/json',
    'User-Agent': 'GitLab/19.3.0',
    'X-Gitlab-Event': 'Push Hook',
    'X-Gitlab-Webhook-UUID': randomUUID(),
    'Idempotency-Key': id,
    'webhook-id': id,
    'webhook-timestamp': at,
    'webhook-signature': `v1,${signature}`,
  }
}
