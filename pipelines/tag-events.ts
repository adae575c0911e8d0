// Webhooks about tags. A version tag on a commit of the production branch names a release; it never moves what is promoted.
import type { RecordHandle } from '../prisma/client'
import { type Actor, NOW, record, type Tx, tell, transaction, type Value } from '../prisma/record'
import { type Decided, type Delivery, storable, storeDelivery } from './delivery'
import type { ForgeEvent } from './forges/forge'
import type { Accepted } from './inbox'
import { insertTag, type KnownTag, knownTags, lockTags, productionRun, type TaggedRun } from './known-tags'
import { isVersionTag, TAG } from './tag'
import { firstLine } from './title'
import { ringWaiting } from './waiting-promotions'

type TagEvent = Extract<ForgeEvent, { kind: 'tag' }>

const SHA = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const STAYS = 'what is promoted is the digest, and stays'

/**
 * Stores the delivery and what the tag means; both or neither. That the payload is of this project was looked at before.
 * A tag pushed together with its commit may come first: it is stray then, until the commit's run has its release.
 */
export async function acceptTagEvent(handle: RecordHandle, delivery: Delivery, event: TagEvent): Promise<Accepted> {
  return transaction(handle, (tx) => storeDelivery(tx, delivery, () => judgeTag(tx, delivery.owner.id, event)))
}

interface Heard {
  projectId: number
  name: string
  by: Actor
  /** The token's own user pushed it: what Shiplock makes comes back as an event. */
  isOurs: boolean
}

async function judgeTag(tx: Tx, projectId: number, event: TagEvent): Promise<Decided> {
  const shown = firstLine(event.name, 128)
  if (!isVersionTag(event.name)) return { decision: 'ignored', because: `the tag ${shown} is no version tag` }
  const { botId } = await lockTags(tx, projectId)
  const heard: Heard = {
    projectId,
    name: event.name,
    by: { actor: storable(`forge:${event.pusherId}`), actorName: firstLine(event.pusherName, 100) },
    isOurs: botId !== '' && event.pusherId === botId,
  }
  const { commit } = event
  const row = (await knownTags(tx, projectId, { name: event.name }))[0]
  if (commit === null) return deleted(tx, heard, row)
  if (!SHA.test(commit)) return { decision: 'ignored', because: `the tag ${shown} names no commit` }
  const run = await productionRun(tx, projectId, commit)
  if (row !== undefined && row.commit !== commit) return moved(tx, heard, row, commit, run)
  if (row !== undefined) return again(tx, heard, row, run)
  return fresh(tx, heard, commit, run)
}

async function deleted(tx: Tx, heard: Heard, row: KnownTag | undefined): Promise<Decided> {
  const because = `the tag ${heard.name} was deleted by ${heard.by.actorName}`
  if (row === undefined) return { decision: 'ignored', because: `${because}; nobody here knew it` }
  if (row.status === 'made' || row.status === 'taken') {
    await record(tx, 'tag', TAG, {
      id: row.id,
      from: row.status,
      event: 'move',
      because: `${because}; ${STAYS}`,
      by: heard.by,
    })
    return { decision: 'accepted', because: `${because}; ${STAYS}`, run: row.runId }
  }
  await note(tx, heard, row, because)
  return { decision: 'accepted', because, run: row.runId }
}

async function moved(tx: Tx, heard: Heard, row: KnownTag, commit: string, run: TaggedRun | null): Promise<Decided> {
  const because = `the tag ${heard.name} was moved from ${row.commit.slice(0, 12)} to ${commit.slice(0, 12)} by ${heard.by.actorName}`
  if (row.status === 'made' || row.status === 'taken') {
    await record(tx, 'tag', TAG, {
      id: row.id,
      from: row.status,
      event: 'move',
      because: `${because}; ${STAYS}`,
      by: heard.by,
    })
    return { decision: 'accepted', because: `${because}; ${STAYS}`, run: row.runId }
  }
  if (row.status === 'stray') {
    await tx.query('UPDATE "Tag" SET "commit" = $2 WHERE id = $1', [row.id, commit])
    if (run !== null) return take(tx, heard, { ...row, commit }, run)
    const stray = strayBecause(heard.name, commit)
    await note(tx, heard, row, stray)
    return { decision: 'ignored', because: stray }
  }
  await note(tx, heard, row, `${because}; ${STAYS}`)
  return { decision: 'accepted', because: `${because}; ${STAYS}`, run: row.runId }
}

/** It is on the commit that it was expected on. */
async function again(tx: Tx, heard: Heard, row: KnownTag, run: TaggedRun | null): Promise<Decided> {
  if (row.status === 'made' || row.status === 'taken' || (row.status === 'making' && heard.isOurs)) {
    const whose = row.status === 'taken' ? 'is known' : 'is the one that Shiplock makes'
    return { decision: 'accepted', because: `the tag ${heard.name} ${whose}`, run: row.runId }
  }
  if (row.status === 'moved') {
    const because = `the tag ${heard.name} is back where it was`
    await record(tx, 'tag', TAG, { id: row.id, from: 'moved', event: 'restore', because, by: heard.by })
    return { decision: 'accepted', because, run: row.runId }
  }
  if (run === null && row.status === 'stray')
    return { decision: 'ignored', because: strayBecause(heard.name, row.commit) }
  return take(tx, heard, row, run)
}

async function fresh(tx: Tx, heard: Heard, commit: string, run: TaggedRun | null): Promise<Decided> {
  const owed = (await knownTags(tx, heard.projectId, { commit })).find(
    (t) => t.status === 'awaited' || t.status === 'owed' || t.status === 'refused',
  )
  if (owed !== undefined) return take(tx, heard, owed, run)
  const because = run === null ? strayBecause(heard.name, commit) : takenBecause(heard)
  const status = run === null ? 'stray' : 'taken'
  await insertTag(tx, { ...heard, commit, status, because, run })
  if (run === null) return { decision: 'ignored', because }
  await ringWaiting(tx, heard.projectId, run.id)
  return { decision: 'accepted', because, run: run.id }
}

async function take(tx: Tx, heard: Heard, row: KnownTag, run: TaggedRun | null): Promise<Decided> {
  if (row.status === 'made' || row.status === 'taken' || row.status === 'moved') throw new Error('a tag is taken once')
  const because = takenBecause(heard)
  const runId = row.runId ?? run?.id ?? null
  const set: Record<string, Value> = {
    name: heard.name,
    by: heard.by.actorName,
    runId,
    releaseId: row.releaseId ?? run?.releaseId ?? null,
    leaseUntil: null,
    dueAt: NOW,
  }
  await record(tx, 'tag', TAG, { id: row.id, from: row.status, event: 'take', because, set, by: heard.by })
  if (runId !== null) await ringWaiting(tx, heard.projectId, runId)
  return { decision: 'accepted', because, run: runId }
}

const takenBecause = (heard: Heard) => `the version tag ${heard.name} was made by ${heard.by.actorName}`
const strayBecause = (name: string, commit: string) =>
  `the tag ${name} is on ${commit.slice(0, 12)}, which is no commit of the production branch that Shiplock knows: it names no release`

/** What changes no status and belongs into the trail. */
async function note(tx: Tx, heard: Heard, row: KnownTag, because: string) {
  await tx.query('UPDATE "Tag" SET because = $2 WHERE id = $1', [row.id, because])
  await tell(tx, {
    kind: 'tag.news',
    subject: 'tag',
    subjectId: row.id,
    projectId: heard.projectId,
    runId: row.runId,
    by: heard.by,
    because,
    data: { name: heard.name },
  })
}
