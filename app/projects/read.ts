import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import type { Prisma } from '../../prisma/generated/client'
import { asPage, isId, onePage, type PageAsk } from '../paging'
import { type PageOf, ProjectShape } from '../shapes'

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
export async function listProjects(record: RecordHandle, ask: PageAsk = {}): Promise<PageOf<ProjectShape>> {
  const page = onePage(ask)
  const rows = await record.db.project.findMany({
    where: page.before,
    select: COLUMNS,
    orderBy: page.orderBy,
    take: page.take,
  })
  return asPage(rows, page.limit, asProject)
}

/** Throws not.found. */
export async function readProject(record: RecordHandle, id: number): Promise<ProjectShape> {
  const row = isId(id) ? await record.db.project.findUnique({ where: { id }, select: COLUMNS }) : null
  if (!row) throw new Fault('not.found', `there is no project ${id}`)
  return asProject(row)
}
