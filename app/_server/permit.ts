// Who may do what: one table. Pages, REST and streams ask it; a route whose action is not here does not start.

/** admin: of the installation. member: nothing by itself; what they may comes from memberships. */
export const ROLES = ['admin', 'owner', 'ops', 'developer', 'auditor', 'viewer', 'member'] as const
export type Role = (typeof ROLES)[number]

/** Who is asking. A token acts for its account, with the account's role as it is now. */
export interface Viewer {
  kind: 'account' | 'token'
  /** Of the account, or of the token: see kind. */
  id: number
  accountId: number
  name: string
  role: Role
}

interface Permit {
  roles: readonly Role[]
  /** False: only a person with a session; a leaked token must not be able to make itself more tokens. */
  tokens: boolean
  why: string
}

const EVERYONE: readonly Role[] = ROLES.filter((role) => role !== 'member')
const WHO_CHANGES: readonly Role[] = ['admin', 'owner', 'ops', 'developer']
const OWNERS: readonly Role[] = ['admin', 'owner']
const OPS: readonly Role[] = ['admin', 'ops']
const OWNERS_AND_OPS: readonly Role[] = ['admin', 'owner', 'ops']
const ADMIN: readonly Role[] = ['admin']

export const PERMITS = {
  'runs.read': { roles: EVERYONE, tokens: true, why: 'Runs, their stages, logs and trail' },
  'runs.cancel': { roles: WHO_CHANGES, tokens: true, why: 'Stop a run' },
  'runs.retry': { roles: WHO_CHANGES, tokens: true, why: 'Try an errored stage again' },
  'runs.allow': { roles: OWNERS, tokens: true, why: "Say go for the static checks of a fork's merge request" },
  'artifacts.read': { roles: EVERYONE, tokens: true, why: 'Test results, and the files that stages left' },
  'merge-requests.read': { roles: EVERYONE, tokens: true, why: 'Merge requests, with what the flow says of them' },
  'merge-requests.approve': { roles: OWNERS, tokens: true, why: 'Approve a merge request as it was seen' },
  'merge-requests.merge': { roles: OWNERS, tokens: true, why: 'Merge a request as it was seen' },
  'releases.read': { roles: EVERYONE, tokens: true, why: 'Releases, and how far each has come' },
  'releases.refuse': { roles: OPS, tokens: true, why: 'Refuse a release with a reason, and lift that' },
  'promotions.read': { roles: EVERYONE, tokens: true, why: 'Promotions, with the verdict of every gate' },
  'promotions.request': {
    roles: OWNERS_AND_OPS,
    tokens: true,
    why: 'Ask for a release to go to an environment, or start one',
  },
  'promotions.approve': { roles: ['owner', 'ops'], tokens: true, why: 'Sign a promotion off; who changed it may not' },
  'promotions.reject': { roles: ['owner', 'ops'], tokens: false, why: 'Reject a promotion, with a reason' },
  'promotions.override': {
    roles: ['owner', 'ops'],
    tokens: false,
    why: 'Override a freeze together with somebody else',
  },
  'promotions.break-glass': { roles: ['ops'], tokens: false, why: 'Break the glass: deploy now, and be reviewed' },
  'approvals.read': { roles: EVERYONE, tokens: true, why: 'What waits for whose answer, and what was answered' },
  'approvals.withdraw': { roles: ['owner', 'ops'], tokens: false, why: "Take back one's own answer until it is used" },
  'approvals.review': { roles: ['owner', 'ops'], tokens: false, why: 'Review what was done by breaking the glass' },
  'policies.read': { roles: EVERYONE, tokens: true, why: 'Policies of environments, with every version' },
  'policies.change': { roles: OWNERS_AND_OPS, tokens: false, why: 'Propose a policy; who signs there agrees to it' },
  'policies.approve': { roles: ['owner', 'ops'], tokens: false, why: 'Agree to a policy that somebody else proposes' },
  'environments.stop': { roles: OWNERS_AND_OPS, tokens: true, why: 'Stop an environment at once' },
  'environments.go': { roles: OPS, tokens: false, why: 'Let a stopped environment go on' },
  'installation.stop': { roles: OWNERS_AND_OPS, tokens: true, why: 'Stop every environment at once' },
  'installation.go': { roles: OPS, tokens: false, why: 'Let everything go on' },
  'trail.read': { roles: EVERYONE, tokens: true, why: 'Who did what, when and why' },
  'trail.export': { roles: ['admin', 'auditor'], tokens: true, why: 'Take the whole trail away, with its proofs' },
  'passkeys.own': { roles: EVERYONE, tokens: false, why: "One's own passkeys" },
  'passkeys.vouch': { roles: ['admin', 'owner', 'ops'], tokens: false, why: "Vouch that a passkey is somebody else's" },
  'sessions.own': { roles: EVERYONE, tokens: false, why: "One's own sessions" },
  'accounts.change': { roles: ADMIN, tokens: false, why: 'Change roles, and end the sessions of an account' },
  'promotions.cancel': { roles: OWNERS_AND_OPS, tokens: true, why: 'End a promotion, also while it deploys' },
  'promotions.retry': { roles: OWNERS_AND_OPS, tokens: true, why: 'Try a promotion again, through the gates again' },
  'promotions.rollback': { roles: OPS, tokens: true, why: 'Put an earlier release back, which holds the environment' },
  'environments.hold': { roles: OPS, tokens: true, why: 'Hold an environment, and release the hold' },
  'environments.remove': { roles: ADMIN, tokens: false, why: 'Take an environment out of use' },
  'deliveries.replay': { roles: OWNERS_AND_OPS, tokens: true, why: 'Have a webhook request judged again' },
  'projects.flow': { roles: OWNERS, tokens: true, why: 'Change the names and policies of a project' },
  'accounts.read': { roles: ADMIN, tokens: false, why: 'Who has an account, and with which role' },
  'accounts.create': { roles: ADMIN, tokens: false, why: 'Make an account' },
  'deliveries.read': { roles: EVERYONE, tokens: true, why: 'The inbox of webhook requests, with their bodies' },
  'environments.read': { roles: EVERYONE, tokens: true, why: 'What runs where, and what is on its way' },
  'projects.read': { roles: EVERYONE, tokens: true, why: 'Connected repositories and their checks' },
  'projects.connect': { roles: ADMIN, tokens: true, why: 'Connect a repository, and check it again' },
  'events.read': { roles: EVERYONE, tokens: true, why: 'The stream of what changed: ids and statuses only' },
  'tokens.read': { roles: EVERYONE, tokens: false, why: "One's own API tokens, without their secrets" },
  'tokens.create': { roles: EVERYONE, tokens: false, why: "Make a token with one's own role" },
  'tokens.revoke': { roles: EVERYONE, tokens: false, why: "End one of one's own tokens" },
  'account.session': { roles: EVERYONE, tokens: false, why: "Read or end one's own session" },
  'openapi.read': { roles: EVERYONE, tokens: true, why: 'The description of the REST interface' },
} as const satisfies Record<string, Permit>

export type Action = keyof typeof PERMITS

/** May this viewer do this? Pure; what the table does not name is refused. */
export function may(viewer: Pick<Viewer, 'kind' | 'role'> | null, action: string): boolean {
  if (!viewer || !Object.hasOwn(PERMITS, action)) return false
  const permit: Permit = PERMITS[action as Action]
  return permit.roles.includes(viewer.role) && (viewer.kind === 'account' || permit.tokens)
}

/**
 * All that answers without a session, and why that is safe. `path` ends in `/*` for a whole subtree.
 * Everything else asks for a viewer first.
 */
export const OPEN = [
  { method: 'POST', path: '/webhooks/*', why: 'proves itself by its signature, over the raw bytes' },
  { method: 'GET', path: '/api/health', why: 'for load balancers: says alive or not, names nothing' },
  { method: 'POST', path: '/api/v1/session', why: 'this is where a session comes from; rate-limited' },
  { method: 'GET', path: '/login', why: 'the form that posts there' },
  { method: 'GET', path: '/_next/static/*', why: 'scripts and styles, the same for everybody' },
  { method: 'GET', path: '/favicon.ico', why: 'an icon' },
  { method: 'GET', path: '/icon.svg', why: 'an icon' },
] as const

/** Is this one of the few that need no session? HEAD counts as GET. `path` without its query. */
export function isOpen(method: string, path: string): boolean {
  // A path that decodes or normalises to another one is never open: `/login/../runs`, `//login`, `/_next/static/%2e%2e/x`.
  // Next's files may have brackets in their names; no other escape is let through.
  if (!/^(\/([A-Za-z0-9_\-.~[\]()@+,]|%5[BDbd])+)+$/.test(path) || /\/\.\.?(\/|$)/.test(path)) return false
  const asked = method === 'HEAD' ? 'GET' : method
  return OPEN.some(
    (o) => o.method === asked && (o.path.endsWith('/*') ? path.startsWith(o.path.slice(0, -1)) : path === o.path),
  )
}
