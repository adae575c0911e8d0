// The audit trail, and its checkpoints.
import { Readable } from 'node:stream'
import { z } from 'zod'
import { trailScope } from '../../trail/find'
import { readProof } from '../../trail/proof'
import { listCheckpoints, listEntries, readBytes, readEntry } from '../../trail/read'
import { type Download, download, type RestRoute, route } from './route'
import * as shape from './shapes'

const seq = z.coerce
  .number({ error: 'seq must be a number' })
  .int('seq must be a whole number')
  .min(0)
  .max(Number.MAX_SAFE_INTEGER)
const SeqParams = z.strictObject({ seq })
const time = z.string().min(4).max(40)

const TrailQuery = shape.PageQuery.extend({
  person: z.string().min(1).max(200).optional().describe('An actor: account:3, forge:17, worker:w1, shiplock'),
  project: shape.id.optional(),
  environment: shape.NameParams.shape.name.optional(),
  release: shape.id.optional().describe('Its entries and those of its runs, the oldest first'),
  kind: z
    .string()
    .regex(/^[a-zA-Z-]{1,40}\.[a-zA-Z-]{1,60}$/, 'a kind is written like promotion.observe')
    .optional(),
  from: time.optional().describe('A day or a moment, ISO 8601; UTC where it names no zone'),
  to: time.optional().describe('Likewise; a day counts whole'),
})

const file = (name: string, bytes: Buffer): Download => ({ name, bytes: bytes.length, data: Readable.from([bytes]) })

// An entry may lie in no project at all: each of these shows what trailScope(viewer) lets it show, and nothing else.
export const TRAIL: RestRoute[] = [
  route({
    method: 'GET',
    path: '/api/v1/trail',
    action: 'trail.read',
    lists: true,
    summary: 'Who did what, newest first, and how much of it is signed',
    query: TrailQuery,
    status: 200,
    reply: 'TrailPage',
    faults: [],
    do: ({ door, query, viewer }) => listEntries(door.record, trailScope(viewer), query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/trail/checkpoints',
    action: 'trail.read',
    lists: true,
    summary: 'Signed heads of the trail, newest first, each as a C2SP note',
    query: shape.PageQuery,
    status: 200,
    reply: 'CheckpointPage',
    faults: [],
    do: ({ door, query }) => listCheckpoints(door.record, query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/trail/{seq}',
    action: 'trail.read',
    lists: true,
    summary: 'One entry by its place in the chain, with its exact bytes as text',
    params: SeqParams,
    status: 200,
    reply: 'TrailEntryWhole',
    faults: ['not.found'],
    do: ({ door, params, viewer }) => readEntry(door.record, trailScope(viewer), params.seq),
  }),
  download({
    path: '/api/v1/trail/{seq}/body',
    action: 'trail.read',
    lists: true,
    summary: 'The exact bytes of an entry; SHA-256 of a zero byte and these is its leaf',
    params: SeqParams,
    faults: ['not.found'],
    do: async ({ door, params, viewer }) =>
      file(`entry-${params.seq}.json`, await readBytes(door.record, trailScope(viewer), params.seq)),
  }),
  download({
    path: '/api/v1/trail/{seq}/proof',
    action: 'trail.read',
    lists: true,
    summary: 'That an entry is in the newest checkpoint, as a C2SP tlog-proof',
    params: SeqParams,
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, viewer }) =>
      file(`entry-${params.seq}.tlog-proof`, Buffer.from(await readProof(door.record, trailScope(viewer), params.seq))),
  }),
]
