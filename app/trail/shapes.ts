// What the trail's page and REST show of it. Times are ISO 8601 strings in UTC, hashes hex.
import { z } from 'zod'
import { Page } from '../shapes'

const seq = z.number().int().describe('Its place in the chain, from 0 without a gap')

export const TrailEntry = z.object({
  id: z.number().int(),
  seq: seq
    .nullable()
    .describe('Its place in the chain, from 0 without a gap; null: somebody put it there past the chain'),
  signed: z.boolean().describe('A signed checkpoint covers it'),
  differs: z
    .string()
    .nullable()
    .describe('Where this row says something else than the bytes that were chained: in what'),
  at: z.iso.datetime(),
  kind: z.string(),
  actor: z.string().describe('account:<id>, forge:<id>, worker:<name> or shiplock'),
  name: z.string().describe('What the actor is called; empty where the name was forgotten'),
  writer: z.string().describe('The process that wrote it: web, worker or owner'),
  subject: z.object({ kind: z.string(), id: z.number().int() }),
  what: z.string().nullable().describe('What the subject is called, where it has a name'),
  before: z.string().nullable(),
  after: z.string().nullable(),
  because: z.string(),
  project: z.object({ id: z.number().int(), path: z.string() }).nullable(),
  environment: z.object({ id: z.number().int(), name: z.string() }).nullable(),
  release: z.object({ id: z.number().int(), tag: z.string() }).nullable(),
  run: z.number().int().nullable(),
})

export const TrailHead = z.object({
  size: z.number().int().describe('Entries in the chain'),
  checkpoint: z
    .object({ size: z.number().int(), root: z.string(), at: z.iso.datetime() })
    .nullable()
    .describe('The newest signed head'),
  unsigned: z.object({
    entries: z.number().int(),
    seconds: z.number().int().nullable().describe('Age of the oldest of them'),
  }),
  separated: z
    .boolean()
    .describe('Web and worker have database roles of their own: each entry proves which of them wrote it'),
  alarm: z
    .object({ because: z.string(), at: z.iso.datetime() })
    .nullable()
    .describe('Why nothing is signed any more: the trail is not the one that was signed before'),
})

export const TrailList = Page(TrailEntry).extend({ head: TrailHead })

export const TrailEntryWhole = TrailEntry.extend({
  body: z.string().describe('The exact bytes that are chained, as text'),
  leaf: z.string().describe('SHA-256 of a zero byte and the body'),
  prev: z.string().describe('Leaf of the entry before; empty for the first'),
  checkpoint: z
    .object({ size: z.number().int(), note: z.string(), at: z.iso.datetime() })
    .nullable()
    .describe('The first checkpoint that covers it'),
})

export const CheckpointShape = z.object({
  size: z.number().int(),
  root: z.string(),
  note: z.string().describe('C2SP signed note'),
  at: z.iso.datetime(),
})

export type TrailEntry = z.infer<typeof TrailEntry>
export type TrailHead = z.infer<typeof TrailHead>
export type TrailList = z.infer<typeof TrailList>
export type TrailEntryWhole = z.infer<typeof TrailEntryWhole>
export type CheckpointShape = z.infer<typeof CheckpointShape>
