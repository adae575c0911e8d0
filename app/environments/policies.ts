// Policies of environments as pages and REST show them: what is in force, what was, and what is proposed.
import type { Json } from '../../audit/canonical'
import type { Trust } from '../../audit/trust'
import { EnvironmentPolicy } from '../../environments/environment'
import { policySha, whyNotInForce } from '../../environments/policy-agreed'
import { POLICY_CHANGE } from '../../environments/policy-change'
import { type Holder, whatCannotHold } from '../../environments/policy-check'
import { policyDifference } from '../../environments/policy-difference'
import { differenceInWords } from '../../environments/policy-words'
import { policyAsYaml } from '../../environments/policy-yaml'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import type { Prisma } from '../../prisma/generated/client'
import type { Viewer } from '../_server/permit'
import type { Can } from '../approvals/shapes'
import { type Answers, readAnswers } from '../approvals/votes'
import { asPage, isId, onePage, type PageAsk } from '../paging'
import type { PageOf } from '../shapes'
import type {
  PolicyChangeDetail,
  PolicyChangeItem,
  PolicyDetail,
  PolicyDifferenceShape,
  PolicyVersionShape,
  ShortOfShape,
} from './policy-shapes'

const PLACE = {
  id: true,
  name: true,
  policy: true,
  policyVersion: true,
  project: { select: { id: true, path: true } },
} as const satisfies Prisma.EnvironmentSelect
type PlaceRow = Prisma.EnvironmentGetPayload<{ select: typeof PLACE }>

const asPlace = ({ id, name, project }: PlaceRow) => ({ id, name, project })

/** What cannot be read, because another version wrote it, differs in everything. */
const differences = (before: unknown, after: unknown): PolicyDifferenceShape[] =>
  policyDifference(
    EnvironmentPolicy.safeParse(before).data ?? (before as object),
    EnvironmentPolicy.safeParse(after).data ?? (after as object),
  ).map(differenceInWords)

const yamlOf = (policy: unknown): string => {
  const read = EnvironmentPolicy.safeParse(policy).data
  return read === undefined ? '' : policyAsYaml(read)
}

async function placeOf(record: RecordHandle, id: number): Promise<PlaceRow> {
  const place = isId(id)
    ? await record.db.environment.findFirst({ where: { id, removedAt: null }, select: PLACE })
    : null
  if (place === null) throw new Fault('not.found', `there is no environment #${id}`)
  return place
}

/** Proposals of one environment that are shown at once: one for each author. */
const MAX_PROPOSALS = 50

/** The policy of an environment, and what is proposed for it. Throws not.found. */
export async function readPolicy(record: RecordHandle, id: number, trust: Trust): Promise<PolicyDetail> {
  const place = await placeOf(record, id)
  const [version, proposals, shortOf] = await Promise.all([
    record.db.policyVersion.findFirst({
      where: { environmentId: id, version: place.policyVersion },
      select: { certificate: true },
    }),
    record.db.policyChange.findMany({
      where: { environmentId: id, status: 'proposed' },
      select: ITEM,
      orderBy: { id: 'desc' },
      take: MAX_PROPOSALS,
    }),
    readShortOf(record, place, place.policy),
  ])
  const { policy, policyVersion } = place
  const placed = { environmentId: id, name: place.name, version: policyVersion, policy: policy as Json }
  return {
    environment: asPlace(place),
    version: policyVersion,
    disputed: whyNotInForce({ ...placed, certificate: version?.certificate ?? null }, trust),
    yaml: yamlOf(policy),
    policy,
    sha256: policySha(policy),
    shortOf,
    open: proposals.map(asItem),
  }
}

/** Its versions, newest first, each with what it changed. Throws not.found; input.invalid for a cursor that is none. */
export async function listPolicyVersions(
  record: RecordHandle,
  environmentId: number,
  ask: PageAsk = {},
): Promise<PageOf<PolicyVersionShape>> {
  await placeOf(record, environmentId)
  const page = onePage(ask)
  const rows = await record.db.policyVersion.findMany({
    where: { environmentId, ...page.before },
    select: {
      id: true,
      version: true,
      policy: true,
      sha256: true,
      because: true,
      authorName: true,
      changeId: true,
      at: true,
    },
    orderBy: page.orderBy,
    take: page.take,
  })
  return asPage(rows, page.limit, (row) => {
    const before = rows[rows.indexOf(row) + 1]
    return {
      version: row.version,
      at: row.at.toISOString(),
      by: row.authorName,
      because: row.because,
      sha256: row.sha256,
      change: row.changeId,
      difference: before === undefined ? [] : differences(before.policy, row.policy),
    }
  })
}

const ITEM = {
  id: true,
  status: true,
  because: true,
  reason: true,
  authorName: true,
  baseVersion: true,
  createdAt: true,
  finishedAt: true,
  environment: { select: PLACE },
} as const satisfies Prisma.PolicyChangeSelect
type ItemRow = Prisma.PolicyChangeGetPayload<{ select: typeof ITEM }>

const asItem = (row: ItemRow): PolicyChangeItem => ({
  id: row.id,
  environment: asPlace(row.environment),
  status: row.status,
  because: row.because,
  reason: row.reason,
  by: row.authorName,
  baseVersion: row.baseVersion,
  createdAt: row.createdAt.toISOString(),
  finishedAt: row.finishedAt?.toISOString() ?? null,
})

export const CHANGE_STATUSES = Object.keys(POLICY_CHANGE) as [string, ...string[]]

/** What was ever proposed for an environment, newest first. Throws not.found; input.invalid for a cursor that is none. */
export async function listPolicyChanges(
  record: RecordHandle,
  environmentId: number,
  ask: PageAsk & { status?: string | undefined } = {},
): Promise<PageOf<PolicyChangeItem>> {
  await placeOf(record, environmentId)
  const page = onePage(ask)
  const rows = await record.db.policyChange.findMany({
    where: { environmentId, ...page.before, ...(ask.status === undefined ? {} : { status: ask.status }) },
    select: ITEM,
    orderBy: page.orderBy,
    take: page.take,
  })
  return asPage(rows, page.limit, asItem)
}

/** One proposal with everything that somebody needs who answers it. Throws not.found. */
export async function readPolicyChange(
  record: RecordHandle,
  id: number,
  viewer: Viewer,
  trust: Trust,
): Promise<PolicyChangeDetail> {
  const row = isId(id)
    ? await record.db.policyChange.findUnique({ where: { id }, select: { ...ITEM, policy: true, authorId: true } })
    : null
  if (row === null) throw new Fault('not.found', `there is no policy change #${id}`)
  const open = row.status === 'proposed'
  const [answers, base, shortOf] = await Promise.all([
    readAnswersOr(record, id, viewer, trust),
    open ? null : baseOf(record, row),
    open ? readShortOf(record, row.environment, row.policy) : [],
  ])
  return {
    ...asItem(row),
    yaml: yamlOf(row.policy),
    sha256: policySha(row.policy),
    difference: differences(base?.policy ?? row.environment.policy, row.policy),
    shortOf,
    rules: answers.rules,
    votes: answers.votes,
    eligible: answers.eligible,
    can: { approve: answers.can.approve, reject: answers.can.reject, withdraw: mayWithdraw(row, viewer) },
  }
}

const baseOf = (record: RecordHandle, row: ItemRow) =>
  record.db.policyVersion.findFirst({
    where: { environmentId: row.environment.id, version: row.baseVersion },
    select: { policy: true },
  })

/** Where the policy that says who must agree cannot be read, nobody can, and the page says so. */
async function readAnswersOr(record: RecordHandle, id: number, viewer: Viewer, trust: Trust): Promise<Answers> {
  try {
    return await readAnswers(record, { policyChangeId: id }, viewer, trust)
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'input.invalid') throw error
    const no = { may: false, because: error.message }
    return { votes: [], eligible: [], rules: [], can: { approve: no, reject: no, override: no, breakGlass: no } }
  }
}

function mayWithdraw({ status, authorId }: { status: string; authorId: number }, viewer: Viewer): Can {
  if (status !== 'proposed') return { may: false, because: `it has ended: it is ${status}` }
  const may = authorId === viewer.accountId || viewer.role === 'admin'
  return { may, because: may ? '' : 'its author, or an admin, withdraws it; you may reject it' }
}

/** People that are counted for the rules of one environment: an installation has fewer who sign. */
const MAX_PEOPLE = 2_000

interface Row {
  roles: string[]
  keys: string[] | null
}

/** Rules of a policy that the people who are there now could not satisfy. */
async function readShortOf(record: RecordHandle, place: PlaceRow, stored: unknown): Promise<ShortOfShape[]> {
  const rules = EnvironmentPolicy.safeParse(stored).data?.approvals ?? []
  if (rules.length === 0) return []
  const { rows } = await record.pool.query<Row>(
    `SELECT roles_of(a.id, $1, $2) AS roles,
       (SELECT array_agg(DISTINCT r) FROM "Passkey" k, jsonb_array_elements_text(k.roles) r WHERE k."accountId" = a.id AND k.status = 'admitted') AS keys
     FROM "Account" a
     WHERE a."disabledAt" IS NULL AND (a.role = ANY ($3) OR EXISTS (
       SELECT 1 FROM "Membership" m WHERE m."accountId" = a.id AND m."projectId" = $1 AND m.environment IN ('', $2) AND m.role = ANY ($3)))
     ORDER BY a.id LIMIT ${MAX_PEOPLE}`,
    [place.project.id, place.name, rules.map((rule) => rule.role)],
  )
  const people = rows.map(({ roles, keys }): Holder => ({ roles, passkeyRoles: keys ?? [] }))
  return whatCannotHold(rules, people).map(({ rule, found }) => ({
    role: rule.role,
    passkey: rule.passkey === 'required',
    count: rule.count,
    found,
  }))
}
