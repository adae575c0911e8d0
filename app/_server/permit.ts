// Who may do what: one table. Pages, REST and streams ask it; a route whose action is not here does not start.

/** admin: of the installation. member: nothing by itself; what they may comes from memberships. */
export const ROLES = ['admin', 'owner', 'ops', 'developer', 'auditor', 'viewer', 'member'] as const
export type Role = (typeof ROLES)[number]

/** What a token may be used for; each alone, none includes another. */
export const SCOPES = ['read', 'change', 'approve', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** A membership: a role in one project, or in one environment of it. */
export interface Grant {
  projectId: number
  /** Name; empty: the whole project. */
  environment: string
  role: Role
}

/** Where something is done. No environment: it concerns the whole project. */
export interface Where {
  projectId: number
  environment?: string | null
}

/** Who is asking. A token acts for its account, with the account's roles as they are now, for what its scopes allow. */
export interface Viewer {
  kind: 'account' | 'token'
  /** Of the account, or of the token: see kind. */
  id: number
  accountId: number
  name: string
  /** Of the account: in every project, unless it is `member`. */
  role: Role
  /** What memberships add. */
  grants: readonly Grant[]
  /** Of tokens only. A token without any may do nothing. */
  scopes?: readonly Scope[]
}

interface Permit {
  roles: readonly Role[]
  /** Where the role must be held: `installation` and `self` look at the account's own role only. */
  at: 'installation' | 'project' | 'environment' | 'self'
  /** What a token needs. Null: only a person with a session; a leaked token must not be able to make itself more tokens. */
  scope: Scope | null
  why: string
}

/** Whoever has an account, memberships or not: what is one's own. */
const ANYBODY: readonly Role[] = ROLES
const EVERYONE: readonly Role[] = ROLES.filter((role) => role !== 'member')
const WHO_CHANGES: readonly Role[] = ['admin', 'owner', 'ops', 'developer']
const OWNERS: readonly Role[] = ['admin', 'owner']
const OPS: readonly Role[] = ['admin', 'ops']
const OWNERS_AND_OPS: readonly Role[] = ['admin', 'owner', 'ops']
const ADMIN: readonly Role[] = ['admin']

export const PERMITS = {
  'runs.read': { roles: EVERYONE, at: 'project', scope: 'read', why: 'Runs, their stages, logs and trail' },
  'runs.cancel': { roles: WHO_CHANGES, at: 'project', scope: 'change', why: 'Stop a run' },
  'runs.retry': { roles: WHO_CHANGES, at: 'project', scope: 'change', why: 'Try an errored stage again' },
  'runs.allow': {
    roles: OWNERS,
    at: 'project',
    scope: 'approve',
    why: "Say go for the static checks of a fork's merge request",
  },
  'artifacts.read': {
    roles: EVERYONE,
    at: 'project',
    scope: 'read',
    why: 'Test results, and the files that stages left',
  },
  'merge-requests.read': {
    roles: EVERYONE,
    at: 'project',
    scope: 'read',
    why: 'Merge requests, with what the flow says of them',
  },
  'merge-requests.approve': {
    roles: OWNERS,
    at: 'project',
    scope: 'approve',
    why: 'Approve a merge request as it was seen',
  },
  'merge-requests.merge': { roles: OWNERS, at: 'project', scope: 'approve', why: 'Merge a request as it was seen' },
  'releases.read': { roles: EVERYONE, at: 'project', scope: 'read', why: 'Releases, and how far each has come' },
  'releases.refuse': {
    roles: OPS,
    at: 'project',
    scope: 'change',
    why: 'Refuse a release with a reason, and lift that',
  },
  'promotions.read': {
    roles: EVERYONE,
    at: 'project',
    scope: 'read',
    why: 'Promotions, with the verdict of every gate',
  },
  'promotions.request': {
    roles: OWNERS_AND_OPS,
    at: 'environment',
    scope: 'change',
    why: 'Ask for a release to go to an environment, or start one',
  },
  'promotions.approve': {
    roles: ['owner', 'ops', 'developer'],
    at: 'environment',
    scope: 'approve',
    why: 'Sign a promotion off; who changed it may not',
  },
  'promotions.reject': {
    roles: ['owner', 'ops', 'developer'],
    at: 'environment',
    scope: 'approve',
    why: 'Reject a promotion, with a reason',
  },
  'promotions.override': {
    roles: ['owner', 'ops'],
    at: 'environment',
    scope: null,
    why: 'Override a freeze together with somebody else',
  },
  'promotions.break-glass': {
    roles: ['ops'],
    at: 'environment',
    scope: null,
    why: 'Break the glass: deploy now, and be reviewed',
  },
  'approvals.read': {
    roles: EVERYONE,
    at: 'project',
    scope: 'read',
    why: 'What waits for whose answer, and what was answered',
  },
  'approvals.withdraw': {
    roles: ['owner', 'ops', 'developer'],
    at: 'environment',
    scope: 'approve',
    why: "Take back one's own answer until it is used",
  },
  'approvals.review': {
    roles: ['owner', 'ops'],
    at: 'environment',
    scope: null,
    why: 'Review what was done by breaking the glass',
  },
  'policies.read': {
    roles: EVERYONE,
    at: 'project',
    scope: 'read',
    why: 'Policies of environments, with every version',
  },
  'policies.change': {
    roles: OWNERS_AND_OPS,
    at: 'environment',
    scope: null,
    why: 'Propose a policy; who signs there agrees to it',
  },
  'policies.approve': {
    roles: ['owner', 'ops'],
    at: 'environment',
    scope: null,
    why: 'Agree to a policy that somebody else proposes',
  },
  'environments.stop': {
    roles: OWNERS_AND_OPS,
    at: 'environment',
    scope: 'change',
    why: 'Stop an environment at once',
  },
  'environments.go': { roles: OPS, at: 'environment', scope: null, why: 'Let a stopped environment go on' },
  'installation.stop': {
    roles: OWNERS_AND_OPS,
    at: 'installation',
    scope: 'change',
    why: 'Stop every environment at once',
  },
  'installation.go': { roles: OPS, at: 'installation', scope: null, why: 'Let everything go on' },
  'trail.read': { roles: EVERYONE, at: 'project', scope: 'read', why: 'Who did what, when and why' },
  'trail.export': {
    roles: ['admin', 'auditor'],
    at: 'installation',
    scope: 'read',
    why: 'Take the whole trail away, with its proofs',
  },
  'passkeys.own': { roles: ANYBODY, at: 'self', scope: null, why: "One's own passkeys" },
  'passkeys.vouch': {
    roles: ['admin', 'owner', 'ops'],
    at: 'installation',
    scope: null,
    why: "Vouch that a passkey is somebody else's",
  },
  'sessions.own': { roles: ANYBODY, at: 'self', scope: null, why: "One's own sessions" },
  'accounts.change': {
    roles: ADMIN,
    at: 'installation',
    scope: null,
    why: 'Change roles, and end the sessions of an account',
  },
  'promotions.cancel': {
    roles: OWNERS_AND_OPS,
    at: 'environment',
    scope: 'change',
    why: 'End a promotion, also while it deploys',
  },
  'promotions.retry': {
    roles: OWNERS_AND_OPS,
    at: 'environment',
    scope: 'change',
    why: 'Try a promotion again, through the gates again',
  },
  'promotions.rollback': {
    roles: OPS,
    at: 'environment',
    scope: 'change',
    why: 'Put an earlier release back, which holds the environment',
  },
  'environments.hold': {
    roles: OPS,
    at: 'environment',
    scope: 'change',
    why: 'Hold an environment, and release the hold',
  },
  'environments.remove': { roles: ADMIN, at: 'environment', scope: null, why: 'Take an environment out of use' },
  'deliveries.replay': {
    roles: OWNERS_AND_OPS,
    at: 'project',
    scope: 'change',
    why: 'Have a webhook request judged again',
  },
  'projects.flow': { roles: OWNERS, at: 'project', scope: 'admin', why: 'Change the names and policies of a project' },
  'accounts.read': { roles: ADMIN, at: 'installation', scope: null, why: 'Who has an account, and with which role' },
  'accounts.create': { roles: ADMIN, at: 'installation', scope: null, why: 'Make an account' },
  'deliveries.read': {
    roles: EVERYONE,
    at: 'project',
    scope: 'read',
    why: 'The inbox of webhook requests, with their bodies',
  },
  'environments.read': {
    roles: EVERYONE,
    at: 'project',
    scope: 'read',
    why: 'What runs where, and what is on its way',
  },
  'projects.read': { roles: EVERYONE, at: 'project', scope: 'read', why: 'Connected repositories and their checks' },
  'projects.connect': {
    roles: ADMIN,
    at: 'installation',
    scope: 'admin',
    why: 'Connect a repository, and check it again',
  },
  'events.read': {
    roles: ANYBODY,
    at: 'self',
    scope: 'read',
    why: 'The stream of what changed: ids and statuses only',
  },
  'tokens.read': { roles: ANYBODY, at: 'self', scope: null, why: "One's own API tokens, without their secrets" },
  'tokens.create': { roles: ANYBODY, at: 'self', scope: null, why: "Make a token with one's own role" },
  'tokens.revoke': { roles: ANYBODY, at: 'self', scope: null, why: "End one of one's own tokens" },
  'account.session': { roles: ANYBODY, at: 'self', scope: null, why: "Read or end one's own session" },
  'health.read': {
    roles: EVERYONE,
    at: 'installation',
    scope: 'read',
    why: 'Which part of Shiplock does not work, since when and why',
  },
  'openapi.read': { roles: ANYBODY, at: 'self', scope: 'read', why: 'The description of the REST interface' },
} as const satisfies Record<string, Permit>

export type Action = keyof typeof PERMITS

/** What the account's role, as the database has it, may be taken for: one that this version does not know gives nothing. */
export const asRole = (role: string): Role => ROLES.find((known) => known === role) ?? 'member'

/** Roles that a membership can give; nobody is admin of a part. */
export const GRANTED = ['viewer', 'developer', 'owner', 'ops', 'auditor'] as const satisfies readonly Role[]

/** Memberships as the database has them, without those whose role this version does not know. */
export function asGrants(rows: readonly { projectId: number; environment: string; role: string }[]): Grant[] {
  return rows.flatMap(({ projectId, environment, role }) => {
    const known = GRANTED.find((granted) => granted === role)
    return known ? [{ projectId, environment, role: known }] : []
  })
}

export type Holder = Pick<Viewer, 'kind' | 'role' | 'grants' | 'scopes'>

/**
 * The roles that somebody holds there; without a place, all that they hold anywhere. Who has a role in one environment
 * may look at its whole project.
 */
export function rolesAt(viewer: Pick<Viewer, 'role' | 'grants'>, where?: Where): Role[] {
  const roles = new Set<Role>(viewer.role === 'member' ? [] : [viewer.role])
  for (const grant of viewer.grants) {
    if (where && grant.projectId !== where.projectId) continue
    roles.add('viewer')
    if (!where || grant.environment === '' || grant.environment === where.environment) roles.add(grant.role)
  }
  return [...roles]
}

/**
 * May this viewer do this there? Without a place: is there anywhere at all where they may? Pure; what the table does not
 * name is refused.
 */
export function may(viewer: Holder | null, action: string, where?: Where): boolean {
  if (!viewer || !Object.hasOwn(PERMITS, action)) return false
  const permit: Permit = PERMITS[action as Action]
  if (viewer.kind !== 'account' && (permit.scope === null || !viewer.scopes?.includes(permit.scope))) return false
  if (permit.at === 'installation' || permit.at === 'self') return permit.roles.includes(viewer.role)
  const allowed = (there: Where) => rolesAt(viewer, narrowed(permit, there)).some((role) => permit.roles.includes(role))
  return where ? allowed(where) : permit.roles.includes(viewer.role) || viewer.grants.some(allowed)
}

/** What concerns a whole project needs a role in the whole project: one in an environment of it only looks. */
const narrowed = (permit: Permit, { projectId, environment }: Where): Where =>
  permit.at === 'project' ? { projectId } : { projectId, environment: environment ?? null }

/** For the refusal: what is missing, in one sentence without its full stop. */
export function whyNotPermitted(viewer: Holder, action: Action, where?: Where): string {
  const permit: Permit = PERMITS[action]
  if (viewer.kind === 'token' && may({ ...viewer, kind: 'account' }, action, where))
    return permit.scope === null
      ? 'an API token may not do this: it is done with a session'
      : `this API token may not do this: it lacks the scope ${permit.scope}`
  const ofAccount = permit.at === 'installation' || permit.at === 'self'
  const held = ofAccount ? [viewer.role] : rolesAt(viewer, where)
  const who = held.length > 0 ? `the role ${held.join(', ')}` : 'the role member'
  return `${who} may not do this${where ? PLACE[permit.at] : ''}; ${permit.roles.join(', ')} may`
}

const PLACE = { installation: '', self: '', project: ' in this project', environment: ' in this environment' } as const

/** Whose rows may be shown at all: put into the SQL of every list. */
export function visibleProjects(viewer: Pick<Viewer, 'role' | 'grants'>): 'all' | number[] {
  if (viewer.role !== 'member') return 'all'
  return [...new Set(viewer.grants.map((grant) => grant.projectId))].sort((a, b) => a - b)
}

export function sees(viewer: Pick<Viewer, 'role' | 'grants'>, projectId: number | null): boolean {
  const visible = visibleProjects(viewer)
  return visible === 'all' || (projectId !== null && visible.includes(projectId))
}

/**
 * All that answers without a session, and why that is safe. `path` ends in `/*` for a whole subtree.
 * Everything else asks for a viewer first.
 */
export const OPEN = [
  { method: 'POST', path: '/webhooks/*', why: 'proves itself by its signature, over the raw bytes' },
  {
    method: 'GET',
    path: '/api/health',
    why: 'for load balancers: a state and a code for each part; no address, no folder, no name',
  },
  { method: 'POST', path: '/api/v1/session', why: 'this is where a session comes from; rate-limited' },
  { method: 'POST', path: '/api/v1/session/passkey/challenge', why: 'a random question; bounded, and rate-limited' },
  { method: 'POST', path: '/api/v1/session/passkey', why: 'proves itself by a signature over it, once; rate-limited' },
  { method: 'GET', path: '/api/v1/oidc/begin', why: 'sends the browser to the provider; rate-limited' },
  { method: 'GET', path: '/api/v1/oidc/callback', why: 'bound to the cookie and the state of who began; once' },
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
