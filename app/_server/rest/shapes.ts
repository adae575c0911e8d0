// What only REST answers; what pages show as well is in app/shapes.ts.
import { z } from 'zod'
import { FORGE_KINDS } from '../../../pipelines/connect'
import { CODES, type Code, PARTS, type PartName } from '../../../pipelines/part'
import { RUN, STAGE_NAMES } from '../../../pipelines/run'
import { DeliveryItem, DeliveryWhole, Replayed } from '../../deliveries/shapes'
import { ProjectDetail } from '../../projects/shapes'
import { RunWhole } from '../../runs/shapes'
import { EnvironmentShape, ErrorShape, LogPage, Page, ProjectShape, RunSummary } from '../../shapes'
import { ROLES, SCOPES } from '../permit'
import { APPROVALS_NAMED } from './approval-shapes'
import { EXPORTS_NAMED } from './export-shapes'
import { MEMBERSHIPS_NAMED } from './membership-shapes'
import { MERGE_REQUESTS_NAMED } from './merge-request-shapes'
import { OIDC_NAMED } from './oidc-shapes'
import { PASSKEYS_NAMED } from './passkey-shapes'
import { PEOPLE_NAMED } from './people-shapes'
import { POLICIES_NAMED } from './policy-shapes'
import { PROMOTIONS_NAMED } from './promotion-shapes'
import { RELEASES_NAMED } from './release-shapes'
import { SESSIONS_NAMED } from './session-shapes'
import { STOPS_NAMED } from './stop-shapes'
import { TESTS_NAMED } from './test-shapes'
import { TRAIL_NAMED } from './trail-shapes'

const HealthPart = z.object({
  state: z.enum(['ok', 'degraded', 'down']).describe('down: what needs this part does not happen at all'),
  because: z
    .object({
      code: z.enum(Object.keys(CODES) as [Code, ...Code[]]),
      params: z.record(z.string(), z.unknown()).optional().describe('With a session only'),
    })
    .nullable(),
  since: z.iso.datetime().nullable().describe("By the database's clock; null: not known"),
})

export const Health = z.object({
  status: z
    .enum(['ok', 'degraded', 'down'])
    .describe('ok: every part works. degraded: it answers, and a part does not work. down: no database'),
  database: z.boolean(),
  worker: z.boolean(),
  version: z.string(),
  parts: z.object(Object.fromEntries(PARTS.map((name) => [name, HealthPart])) as Record<PartName, typeof HealthPart>),
})

export const SessionShape = z.object({
  account: z.object({ id: z.number().int(), name: z.string(), role: z.enum(ROLES) }),
  expiresAt: z.iso.datetime().nullable().describe('When the session that was just opened ends'),
})

export const TokenShape = z.object({
  id: z.number().int(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable().describe('To the minute'),
})
export const TokenMade = z.object({
  id: z.number().int(),
  token: z.string().describe('Shown once'),
  scopes: z.array(z.enum(SCOPES)),
  expiresAt: z.iso.datetime(),
})

/** Named shapes: components of the OpenAPI document. */
export const NAMED = {
  Delivery: DeliveryItem,
  DeliveryDetail: DeliveryWhole,
  DeliveryPage: Page(DeliveryItem),
  DeliveryReplay: Replayed,
  Environment: EnvironmentShape,
  EnvironmentList: z.object({ items: z.array(EnvironmentShape) }),
  Error: ErrorShape,
  Health,
  LogPage,
  Project: ProjectShape,
  ProjectDetail,
  ProjectPage: Page(ProjectShape),
  RunDetail: RunWhole,
  RunPage: Page(RunSummary),
  RunSummary,
  Session: SessionShape,
  Token: TokenShape,
  TokenList: z.object({ items: z.array(TokenShape) }),
  TokenMade,
  OpenApi: z.record(z.string(), z.unknown()),
  ...PROMOTIONS_NAMED,
  ...RELEASES_NAMED,
  ...MERGE_REQUESTS_NAMED,
  ...TESTS_NAMED,
  ...PEOPLE_NAMED,
  ...APPROVALS_NAMED,
  ...POLICIES_NAMED,
  ...STOPS_NAMED,
  ...PASSKEYS_NAMED,
  ...OIDC_NAMED,
  ...SESSIONS_NAMED,
  ...MEMBERSHIPS_NAMED,
  ...TRAIL_NAMED,
  ...EXPORTS_NAMED,
} as const satisfies Record<string, z.ZodType>

const number = (what: string, min: number, max: number) =>
  z.coerce
    .number({ error: `${what} must be a number` })
    .int(`${what} must be a whole number`)
    .min(min)
    .max(max)
export const id = number('an id', 1, 2 ** 31 - 1)
const cursor = z.string().max(60).optional().describe('`next` of the page before')
const limit = number('limit', 1, 100).optional().describe('1 to 100; 25 where it is absent')
const text = (max: number) => z.string().min(1).max(max)

export const IdParams = z.strictObject({ id })
export const StageParams = z.strictObject({ id, name: z.enum(STAGE_NAMES) })
export const NameParams = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'this cannot be the name of an environment'),
})
export const PageQuery = z.strictObject({ after: cursor, limit })
export const RunQuery = PageQuery.extend({
  service: text(200).optional(),
  branch: text(1024).optional(),
  status: z.enum(Object.keys(RUN) as [keyof typeof RUN, ...(keyof typeof RUN)[]]).optional(),
  project: id.optional(),
})
export const LogQuery = z.strictObject({
  after: cursor,
  max_bytes: number('max_bytes', 1024, 1024 * 1024)
    .optional()
    .describe('Bytes of output on a page; 262144 where it is absent'),
  follow: z
    .enum(['1'])
    .optional()
    .describe('With `Accept: text/event-stream`: streams pages as events `log`, then one `end`'),
})
export const DeliveryQuery = PageQuery.extend({
  project: id.optional(),
  decision: z.enum(['accepted', 'ignored', 'refused', 'duplicate']).optional(),
})
export const EnvironmentQuery = z.strictObject({ project: id.optional() })

export const CancelBody = z.strictObject({ because: z.string().max(1000).optional() })
export const NoBody = z.strictObject({})
export const ConnectBody = z.strictObject({
  forge: z.enum(FORGE_KINDS).default('gitlab'),
  forgeUrl: text(500)
    .optional()
    .describe('Address of the forge, such as https://gitlab.example.com; https://github.com where GitHub has none'),
  path: text(500).describe('group/project on GitLab, owner/repository on GitHub'),
  token: text(500).describe(
    'GitLab: scope "api", role Maintainer. GitHub: contents, commit statuses, deployments, pull requests and webhooks, all read and write. Sealed at once, never shown again',
  ),
})
export const SignInBody = z.strictObject({ name: text(64), password: text(512) })
export const TokenBody = z.strictObject({
  name: z.string().trim().min(1).max(64),
  days: number('days', 1, 365).optional().describe('Until it ends; 90 where it is absent'),
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .max(SCOPES.length)
    .optional()
    .describe('What it may be used for, within what its account may; read and change where it is absent'),
})
