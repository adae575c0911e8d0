import { z } from 'zod'
import { previewGates } from '../../environments/preview'
import { OPEN } from '../../environments/promotion'
import { Fault } from '../../pipelines/fault'
import { type BranchKind, FLOW } from '../../pipelines/gitflow'
import type { RecordHandle } from '../../prisma/client'
import type { Prisma } from '../../prisma/generated/client'
import { whoIsAlive } from '../_server/alive'
import type { Viewer } from '../_server/permit'
import { asPromotion, PROMOTION_COLUMNS } from '../environments/read'
import { commitUrl } from '../forge-links'
import { asPage, isId, onePage, type PageAsk } from '../paging'
import { first, no, permitted, YES } from '../promotions/can'
import { type PageOf, type PromotionShape, TrustShape } from '../shapes'
import { readTrail } from '../trail'
import { type Visible, within } from '../visible'
import { type PlaceOf, placesOf, readEnvironments, readStandings } from './places'
import { ReleaseDetail, type ReleaseItem } from './shapes'

const ITEM = {
  id: true,
  projectId: true,
  service: true,
  tag: true,
  version: true,
  digest: true,
  trust: true,
  commit: true,
  branch: true,
  createdAt: true,
  refusedAt: true,
  refusedBy: true,
  refusedBecause: true,
  project: { select: { id: true, path: true } },
  runs: { select: { title: true }, orderBy: { id: 'asc' }, take: 1 },
} as const satisfies Prisma.ReleaseSelect
type ItemRow = Prisma.ReleaseGetPayload<{ select: typeof ITEM }>

function asItem(row: ItemRow, places: ReleaseItem['places']): ReleaseItem {
  return {
    id: row.id,
    project: { id: row.project.id, path: row.project.path },
    service: row.service,
    tag: row.tag,
    version: row.version,
    digest: row.digest,
    trust: TrustShape.parse(row.trust),
    commit: row.commit,
    branch: row.branch,
    title: row.runs[0]?.title ?? '',
    createdAt: row.createdAt.toISOString(),
    refused:
      row.refusedAt === null
        ? null
        : { by: row.refusedBy, because: row.refusedBecause, since: row.refusedAt.toISOString() },
    places,
  }
}

export interface ReleaseFilter extends PageAsk {
  /** A project's id */
  project?: number | undefined
  service?: string | undefined
}

/** Releases, newest first; every filter must hold. Throws input.invalid for a cursor that is none. */
export async function listReleases(
  record: RecordHandle,
  visible: Visible,
  ask: ReleaseFilter = {},
): Promise<PageOf<ReleaseItem>> {
  const page = onePage(ask)
  const where: Prisma.ReleaseWhereInput = { ...page.before, ...within(visible, ask.project) }
  if (ask.service !== undefined) where.service = ask.service
  const rows = await record.db.release.findMany({ where, select: ITEM, orderBy: page.orderBy, take: page.take })
  const [environments, standings] = await Promise.all([
    readEnvironments(record, [...new Set(rows.map((r) => r.projectId))]),
    readStandings(
      record,
      rows.map((r) => r.id),
    ),
  ])
  return asPage(rows, page.limit, (row) => asItem(row, placesOf(row, environments, standings)))
}

/** Promotions of one release that its page shows: the newest ones. */
const PROMOTIONS = 50
const RUNS = 50

const DETAIL = {
  ...ITEM,
  tree: true,
  buildKey: true,
  image: true,
  bases: true,
  project: { select: { id: true, path: true, forge: true, webUrl: true } },
  runs: {
    select: {
      id: true,
      branch: true,
      branchKind: true,
      commit: true,
      title: true,
      status: true,
      pusherName: true,
      createdAt: true,
      plan: true,
    },
    orderBy: { id: 'asc' },
    take: RUNS,
  },
  promotions: { select: PROMOTION_COLUMNS, orderBy: { id: 'desc' }, take: PROMOTIONS },
  tags: {
    select: { name: true, commit: true, status: true, because: true, by: true },
    orderBy: { id: 'asc' },
    take: 20,
  },
  backMerges: {
    select: {
      id: true,
      source: true,
      target: true,
      hotfix: true,
      status: true,
      because: true,
      url: true,
      createdAt: true,
    },
    orderBy: { id: 'asc' },
    take: 20,
  },
} as const satisfies Prisma.ReleaseSelect
type DetailRow = Prisma.ReleaseGetPayload<{ select: typeof DETAIL }>

/** One release from its commit to every environment, and what this viewer may do with it. Throws not.found. */
export async function readRelease(record: RecordHandle, id: number, viewer: Viewer): Promise<ReleaseDetail> {
  const row = isId(id) ? await record.db.release.findUnique({ where: { id }, select: DETAIL }) : null
  if (row === null) throw new Fault('not.found', `there is no release #${id}`)
  const [facts, environments, standings, trail] = await Promise.all([
    whoIsAlive(record),
    readEnvironments(record, [row.projectId]),
    readStandings(record, [id]),
    readTrail(record, { subject: 'release', subjectId: id }),
  ])
  const places = placesOf(row, environments, standings)
  const promotions = row.promotions.map((p) => asPromotion(p, facts))
  return {
    ...asItem(row, places),
    tree: row.tree,
    buildKey: row.buildKey,
    image: row.image,
    webUrl: commitUrl(row.project, row.commit),
    bases: ReleaseDetail.shape.bases.catch([]).parse(row.bases),
    runs: row.runs.map((run, at) => ({
      id: run.id,
      branch: run.branch,
      commit: run.commit,
      status: run.status,
      pusher: run.pusherName,
      // The first one built it; whatever came after found it there.
      adopted: at > 0,
      createdAt: run.createdAt.toISOString(),
    })),
    promotions,
    tags: row.tags,
    backMerges: row.backMerges.map(({ createdAt, ...b }) => ({ ...b, since: createdAt.toISOString() })),
    trail,
    can: {
      refuse: first(
        permitted(viewer, 'releases.refuse', row),
        row.refusedAt === null ? YES : no('it is refused already'),
      ),
      lift: first(permitted(viewer, 'releases.refuse', row), row.refusedAt === null ? no('it is not refused') : YES),
      promote: await Promise.all(places.map((place) => canPromote(record, row, place, promotions, viewer))),
    },
  }
}

const Templated = z.object({ templated: z.boolean().catch(true).default(true) }).catch({ templated: true })
const isKind = (kind: string): kind is BranchKind => Object.hasOwn(FLOW, kind)

/** May it be sent to this environment by hand, and what would the gates say? */
async function canPromote(
  record: RecordHandle,
  row: DetailRow,
  place: PlaceOf,
  promotions: readonly PromotionShape[],
  viewer: Viewer,
): Promise<ReleaseDetail['can']['promote'][number]> {
  const open = promotions.find(
    (p) => p.environmentId === place.environmentId && OPEN.some((status) => status === p.status),
  )
  const may = first(
    permitted(viewer, 'promotions.request', { projectId: row.projectId, environment: place.environment }),
    row.refusedAt === null ? YES : no(`refused by ${row.refusedBy}: ${row.refusedBecause}`),
    place.running ? no(`it is what ${place.environment} runs now`) : YES,
    open === undefined ? YES : no(`it is on its way there: promotion #${open.id} is ${open.status}`),
    row.runs.some((run) => run.status === 'succeeded') ? YES : no('no run of it has succeeded'),
  )
  const where = { environment: place.environment, environmentId: place.environmentId }
  const run = runFor(row, place.environment)
  if (!may.may || run === undefined || !isKind(run.branchKind)) return { ...may, ...where, verdicts: [] }
  const judged = await previewGates(record, {
    projectId: row.projectId,
    environment: place.environment,
    branch: run.branch,
    branchKind: run.branchKind,
    releaseId: row.id,
    templated: Templated.parse(run.plan).templated,
  })
  return { ...may, ...where, verdicts: judged?.verdicts ?? [] }
}

/** The run it would be promoted for: the newest whose branch goes there, else the newest of all. */
function runFor(row: DetailRow, environment: string) {
  const newest = row.runs.toReversed().filter((run) => run.status === 'succeeded')
  const goes = (kind: string) => isKind(kind) && FLOW[kind].goesTo === environment
  return newest.find((run) => goes(run.branchKind)) ?? newest.find((run) => run.branchKind === 'master') ?? newest[0]
}
