// What leaves the house: exports of the trail, bundles and dossiers of releases.
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { bundleRelease } from '../../../audit/bundle'
import { type About, exportTrail } from '../../../audit/export'
import { readTrailKeys } from '../../../audit/keys'
import { type Pack, packed, zipBox } from '../../../audit/packing'
import { Fault } from '../../../pipelines/fault'
import { tell, transaction } from '../../../prisma/record'
import { LOCALE_COOKIE, localeFor } from '../../_i18n/locale'
import { readDossier } from '../../releases/dossier'
import { renderDossier } from '../../releases/dossier-html'
import { actorOf } from '../accounts'
import type { Viewer } from '../permit'
import { type Ask, type Door, type Download, download, type RestRoute, route } from './route'
import * as shape from './shapes'
import { at, ofRelease } from './where'

const NoParams = z.strictObject({})
type OfRelease = Ask<z.output<typeof shape.IdParams>, undefined, undefined>

const aboutOf = ({ trust, keys }: Door): About => ({
  origin: trust.origin,
  keys: readTrailKeys(keys),
  webOrigins: [trust.webOrigin],
})

/** A zip is made on the disk first: a slow reader must not keep the moment of the record open that it is made from. */
async function zipped(name: string, fill: (pack: Pack) => Promise<unknown>): Promise<Download> {
  const folder = await mkdtemp(join(tmpdir(), 'shiplock-zip-'))
  try {
    const path = join(folder, 'zip')
    await packed(await zipBox(path), fill)
    const file = await open(path)
    const { size: bytes } = await file.stat()
    // Its name goes now, so that nothing stays behind; the bytes go with the stream.
    return { name, bytes, data: file.createReadStream() }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** One at a time for each process: it reads the whole trail. */
let exporting = false

async function zipOfTrail(door: Door, viewer: Viewer): Promise<Download> {
  if (exporting) throw new Fault('too.many', 'the trail is being exported already: try again when that is done')
  exporting = true
  try {
    const name = `trail-${new Date().toISOString().slice(0, 10)}.zip`
    let size = 0
    const zip = await zipped(name, async (pack) => {
      ;({ size } = await exportTrail(door.record.pool, aboutOf(door), pack))
    })
    // Who takes it away is told in what comes after it.
    await transaction(door.record, (tx) =>
      tell(tx, { kind: 'trail.export', subject: 'installation', subjectId: 1, by: actorOf(viewer), data: { size } }),
    )
    return zip
  } finally {
    exporting = false
  }
}

const dossierOf = ({ door, viewer, params }: Pick<OfRelease, 'door' | 'viewer' | 'params'>) =>
  readDossier(door.record, params.id, {
    about: aboutOf(door),
    trust: door.trust,
    by: viewer.name,
    version: door.version,
  })

/** In the language of whoever asks, as the pages are. */
function localeOf({ headers }: OfRelease['request']) {
  const cookie = new RegExp(`(?:^|; )${LOCALE_COOKIE}=([\\w-]+)`).exec(headers.cookie ?? '')?.[1]
  return localeFor(cookie, headers['accept-language'] ?? null)
}

export const EXPORTS: RestRoute[] = [
  route({
    method: 'GET',
    path: '/api/v1/releases/{id}/dossier',
    action: 'releases.read',
    where: at(ofRelease),
    summary: 'Everything about one release: what it holds, who signed what, where it ran, and the proofs',
    params: shape.IdParams,
    status: 200,
    reply: 'Dossier',
    faults: ['not.found', 'conflict'],
    do: dossierOf,
  }),
  download({
    path: '/api/v1/releases/{id}/dossier.html',
    action: 'releases.read',
    where: at(ofRelease),
    summary: 'The same as one file for people: opens offline, and prints',
    params: shape.IdParams,
    faults: ['not.found', 'conflict'],
    do: async (ask) => {
      const dossier = await dossierOf(ask)
      const bytes = Buffer.from(renderDossier(dossier, localeOf(ask.request)))
      const { service, tag } = dossier.release
      return { name: `${service}-${tag}.html`, bytes: bytes.length, data: Readable.from([bytes]) }
    },
  }),
  download({
    path: '/api/v1/releases/{id}/bundle',
    action: 'releases.read',
    where: at(ofRelease),
    summary:
      'The entries and sign-offs of a release with their proofs, as a zip: for audit/verify.mjs and verify-release.sh',
    params: shape.IdParams,
    faults: ['not.found', 'conflict'],
    do: ({ door, params }) =>
      zipped(`release-${params.id}.zip`, (pack) => bundleRelease(door.record.pool, params.id, aboutOf(door), pack)),
  }),
  download({
    path: '/api/v1/trail/export',
    action: 'trail.export',
    summary: 'The whole trail up to its newest checkpoint, as a zip: for audit/verify.mjs',
    params: NoParams,
    faults: ['conflict', 'too.many'],
    do: ({ door, viewer }) => zipOfTrail(door, viewer),
  }),
]
