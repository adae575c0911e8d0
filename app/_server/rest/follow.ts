import { isFinal } from '../../../pipelines/machine'
import { STAGE } from '../../../pipelines/run'
import { readLog } from '../../runs/log'
import type { Stream } from '../streams'
import type { Door } from './route'

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

export interface Where {
  run: number
  stage: string
  stageId: number
  after: string | undefined
}

/** Streams a stage's output from `after` on, a page per event, until the stage has ended and everything was given. */
export async function followLog(door: Door, stream: Stream, where: Where): Promise<void> {
  let after = where.after
  for (let first = true; !stream.ended.aborted; first = false) {
    // Listening starts before the reading: what is written in between is not slept through.
    const next = nextRing(door, where.stageId, stream.ended)
    try {
      const { stageId: _, ...page } = await readLog(door.record, where.run, where.stage, { after })
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
