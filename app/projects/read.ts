import { z } from 'zod'
import { EnvironmentPolicy } from '../../environments/environment'
import { Fault } from '../../pipelines/fault'
import { flowOf } from '../../pipelines/gitflow'
import type { RecordHandle } from '../../prisma/client'
import type { Prisma } from '../../prisma/generated/client'
import { asPage, isId, onePage, type PageAsk } from '../paging'
import { type PageOf, ProjectShape } from '../shapes'
import type { Visible } from '../visible'
import { flowTable } from './flow-table'
import { ProjectDetail } from './shapes'

// Sealed secrets are not among them: a row never leaves whole.
const COLUMNS = {
  id: true,
  forge: true,
  forgeUrl: true,
  path: true,
  webUrl: true,
  status: true,
  because: true,
  checks: true,
  hookSigned: true,
  createdAt: true,
  environments: { select: { name: true }, orderBy: { position: 'asc' } },
} as const satisfies Prisma.ProjectSelect

function asProject(row: Prisma.ProjectGetPayload<{ select: typeof COLUMNS }>): ProjectShape {
  return {
    id: row.id,
    forge: row.forge,
    forgeUrl: row.forgeUrl,
    path: row.path,
    webUrl: row.webUrl,
    status: row.status,
    because: row.because,
    checks: ProjectShape.shape.checks.catch([]).parse(row.checks),
    signed: row.hookSigned,
    createdAt: row.createdAt.toISOString(),
    environments: row.environments.map((e) => e.name),
  }
}

/** Connected repositories, newest first. */
export async function listProjects(
  record: RecordHandle,
  visible: Visible,
  ask: PageAsk = {},
): Promise<PageOf<ProjectShape>> {
  const page = onePage(ask)
  const rows = await record.db.project.findMany({
    where: visible === 'all' ? page.before : { AND: [page.before, { id: { in: [...visible] } }] },
    select: COLUMNS,
    orderBy: page.orderBy,
    take: page.take,
  })
  return asPage(rows, page.limit, asProject)
}

const DETAIL = {
  ...COLUMNS,
  flow: true,
  reconciledAt: true,
  environments: {
    select: { name: true, policy: true, heldAt: true, removedAt: true },
    orderBy: { position: 'asc' },
  },
} as const satisfies Prisma.ProjectSelect
type DetailRow = Prisma.ProjectGetPayload<{ select: typeof DETAIL }>

/** Of a policy, what the page tells. One that this version cannot read is told by its name alone. */
const Policy = z
  .object({
    start: EnvironmentPolicy.shape.start,
    after: z.string().nullable().default(null),
    approvals: EnvironmentPolicy.shape.approvals.catch([]),
    verify: z.array(z.string()).catch([]),
  })
  .catch({ start: 'by-hand', after: null, approvals: [], verify: [] })

function asPlace(row: DetailRow['environments'][number]): ProjectDetail['places'][number] {
  const { start, after, approvals, verify } = Policy.parse(row.policy)
  return {
    name: row.name,
    start,
    after,
    approvals: approvals.map(({ role, count }) => ({ role, count })),
    verify,
    held: row.heldAt !== null,
    removed: row.removedAt !== null,
  }
}

/** One repository with its checks, its flow and its environments. Throws not.found. */
export async function readProject(record: RecordHandle, id: number): Promise<ProjectDetail> {
  const row = isId(id) ? await record.db.project.findUnique({ where: { id }, select: DETAIL }) : null
  if (!row) throw new Fault('not.found', `there is no project ${id}`)
  const flow = flowOf(row.flow)
  return {
    ...asProject(row),
    checks: ProjectDetail.shape.checks.catch([]).parse(row.checks),
    flow,
    table: flowTable(flow),
    reconciledAt: row.reconciledAt?.toISOString() ?? null,
    places: row.environments.map(asPlace),
  }
}
