import type { z } from 'zod'
import { isFinal } from '../../../pipelines/machine'
import { STAGE } from '../../../pipelines/run'
import { readLog } from '../../runs/log'
import { stageId as idOf, type StageOf } from '../../runs/stage-of'
import type { LogPage } from '../../shapes'
import type { Stream } from '../streams'
import type { Ask, Door } from './route'
import type { LogQuery } from './shapes'

/** Without any ring it is looked at again after this; rings may be lost. */
const LOOK_MS = 2_000

/** Resolves at the next ring about this stage, after LOOK_MS, or when the stream has ended. */
function nextRing(door: Door, stageId: number, ended: AbortSignal): { rung: Promise<void>; stop: () => void } {
  let stop = () => {}
  const rung = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LOOK_MS)
    const deaf = door.doorbell.onRing((ring) => {
      if (ring.id === stageId && (ring.subject === 'log' || ring.subject === 'stage')) resolve()
    })
    ended.addEventListener('abort', () => resolve(), { once: true })
    stop = () => {
      clearTimeout(timer)
      deaf()
    }
  })
  return { rung, stop }
}

/** Streams a stage's output from `after` on, a page per event, until the stage has ended and everything was given. */
async function followLog(door: Door, stream: Stream, stageId: number, from: string | undefined): Promise<void> {
  let after = from
  for (let first = true; !stream.ended.aborted; first = false) {
    // Listening starts before the reading: what is written in between is not slept through.
    const next = nextRing(door, stageId, stream.ended)
    try {
      const page = await readLog(door.record, stageId, { after })
      after = page.next
      if (first || page.text !== '' || page.gaps.length > 0) await stream.send('log', page, page.next)
      if (page.more) continue
      if (isFinal(STAGE, page.status)) {
        await stream.send('end', { status: page.status }, page.next)
        return stream.end()
      }
      await next.rung
    } finally {
      next.stop()
    }
  }
}

const lastEventId = (header: string | string[] | undefined) =>
  typeof header === 'string' && header !== '' ? header : undefined

/** Answers with a page of a stage's output; or with all of it as it comes, and then undefined. Throws not.found. */
export async function answerLog(
  ask: Ask<unknown, z.output<typeof LogQuery>, unknown>,
  of: StageOf,
): Promise<LogPage | undefined> {
  const { door, query, request, reply } = ask
  const follows = query.follow === '1'
  // A browser that lost the stream says how far it had come.
  const after = follows ? (lastEventId(request.headers['last-event-id']) ?? query.after) : query.after
  const stageId = await idOf(door.record, of)
  const page = await readLog(door.record, stageId, { after, ...(query.max_bytes ? { maxBytes: query.max_bytes } : {}) })
  if (!follows || !(request.headers.accept ?? '').includes('text/event-stream')) return page
  const stream = door.streams.open(request, reply, ask)
  followLog(door, stream, stageId, after).catch((error: Error) => {
    request.log.error(error, 'a log stream broke')
    stream.end()
  })
  return undefined
}
