// One release, told whole: what an auditor keeps. Times are ISO 8601 in UTC, hashes hex unless said otherwise.
import { z } from 'zod'

const time = z.iso.datetime()

const Commit = z.object({
  commit: z.string(),
  title: z.string().nullable().describe('First line of its message; null: no run was for it'),
  branch: z.string().nullable(),
  pusher: z.string().nullable(),
  url: z.string().describe('On the forge'),
})

const MergeRequest = z.object({
  iid: z.number().int(),
  title: z.string(),
  source: z.string(),
  target: z.string(),
  status: z.string(),
  author: z.string(),
  merger: z.string(),
  approvers: z.array(z.string()).describe('As the forge tells them'),
  url: z.string(),
})

const Stage = z.object({
  name: z.string(),
  status: z.string(),
  because: z.string(),
  digest: z.string().nullable().describe('Of a build: the image it made or adopted'),
  tests: z
    .object({
      total: z.number().int(),
      passed: z.number().int(),
      failed: z.number().int(),
      errored: z.number().int(),
      skipped: z.number().int(),
    })
    .nullable(),
  startedAt: time.nullable(),
  finishedAt: time.nullable(),
})

const Run = z.object({
  id: z.number().int(),
  branch: z.string(),
  commit: z.string(),
  title: z.string(),
  pusher: z.string(),
  status: z.string(),
  adopted: z.boolean().describe('It took the release over instead of building'),
  createdAt: time,
  finishedAt: time.nullable(),
  stages: z.array(Stage),
})

const Promotion = z.object({
  id: z.number().int(),
  environment: z.string(),
  kind: z.string(),
  status: z.string(),
  because: z.string(),
  reason: z.string(),
  requestedBy: z.string(),
  observed: z.string().nullable().describe('The digest that the environment was seen running'),
  same: z.boolean().nullable().describe("Is that the release's own? Null: nothing was observed"),
  createdAt: time,
  deployedAt: time.nullable(),
  verifiedAt: time.nullable(),
  finishedAt: time.nullable(),
  verification: z.array(Stage),
})

const Signoff = z.object({
  promotion: z.number().int(),
  environment: z.string(),
  decision: z.string(),
  account: z.string(),
  role: z.string(),
  reason: z.string(),
  status: z.string(),
  because: z.string().describe('Why it is over'),
  at: time,
  expiresAt: time,
  hash: z.string().describe('SHA-256 of the statement'),
  statement: z.string().describe('What was agreed to, byte by byte'),
  words: z.array(z.string()).describe('The eight words that were shown beside it'),
  key: z
    .object({
      credential: z.string(),
      alg: z.string(),
      spki: z.string().describe('base64'),
      fingerprint: z.string().describe('SHA-256 of the key'),
      roles: z.array(z.string()).describe('As what a worker admitted it'),
    })
    .nullable()
    .describe('Null: it was given without a passkey'),
  holds: z.boolean().nullable().describe('Was the signature right when this was made? Null: there is none'),
  wrong: z.string().describe('Why it does not hold; empty where it does'),
  given: z.number().int().nullable().describe('Its entry of the trail; null: not signed yet'),
  used: z.number().int().nullable(),
  admitted: z.number().int().nullable().describe('The entry that admitted the key'),
  review: z.object({ dueAt: time, at: time.nullable(), by: z.string(), found: z.string() }).nullable(),
})

const Happened = z.object({
  seq: z.number().int().nullable().describe('Its place in the trail'),
  at: time,
  kind: z.string(),
  environment: z.string().nullable(),
  actor: z.string(),
  name: z.string().describe('Empty where it was forgotten'),
  because: z.string(),
})

const Proof = z.object({
  seq: z.number().int(),
  kind: z.string(),
  leaf: z.string(),
  body: z.string().describe('The exact bytes that are chained, as text'),
  path: z.array(z.string()).describe('From the sibling of the leaf up, base64, as in c2sp.org/tlog-proof'),
})

export const Dossier = z.object({
  v: z.literal(1),
  made: z.object({ at: time, by: z.string(), version: z.string() }),
  origin: z.string().describe("The trail's name"),
  release: z.object({
    id: z.number().int(),
    project: z.string(),
    service: z.string(),
    tag: z.string(),
    version: z.string(),
    digest: z.string(),
    image: z.string(),
    tree: z.string(),
    commit: z.string(),
    branch: z.string(),
    createdAt: time,
    bases: z.array(z.object({ image: z.string(), digest: z.string() })),
    refused: z.object({ by: z.string(), because: z.string(), since: time }).nullable(),
  }),
  commits: z.array(Commit),
  mergeRequests: z.array(MergeRequest),
  runs: z.array(Run),
  promotions: z.array(Promotion).describe('Oldest first'),
  signoffs: z.array(Signoff).describe('Every answer that was given, oldest first'),
  interventions: z
    .array(Happened)
    .describe('Stops, holds, changes of policy and refusals in the environments it went to, while it was on its way'),
  history: z.array(Happened).describe('What the trail says of the release itself, oldest first'),
  left: z.array(z.string()).describe('What there was too much of: a list that goes on'),
  proofs: z
    .object({
      checkpoint: z.object({ size: z.number().int(), root: z.string(), at: time, note: z.string() }),
      keys: z.array(z.object({ publicKey: z.string().describe('base64'), from: z.number().int() })),
      entries: z.array(Proof),
    })
    .nullable()
    .describe('Null: the trail has no signed checkpoint yet'),
})

export type Dossier = z.infer<typeof Dossier>
export type DossierRun = z.infer<typeof Run>
export type DossierStage = z.infer<typeof Stage>
export type DossierPromotion = z.infer<typeof Promotion>
export type DossierSignoff = z.infer<typeof Signoff>
export type DossierHappened = z.infer<typeof Happened>
