// What a worker makes of a notification: a hint, from anyone who has a connection. What is due, and whether a claim still holds, is
// read from the rows; and however many come at once, only some are on their way at a time.
import { MISSED } from '../prisma/record'
import { type JobName, rungBy, USUAL } from './jobs'

/** Rings on their way to the queue. What is more is dropped: the sweep rings within a second for what is really due. */
export const MOST_RINGS = 500
/** Projects that are being made due because a webhook was missed. */
const MOST_MISSED = 20

export interface Hearing {
  ring(job: JobName, id: number, epoch: number, priority: number): Promise<void>
  /** A webhook of this project could not be stored. */
  lookAgain(project: number): Promise<void>
  /** What is held and may have ended. */
  claim(subject: string, id: number, status: string): void
  /** Reports of a run or a stage may be due. */
  reportSoon(): void
}

/** Hears payloads of the record's channel. */
export function hearing(to: Hearing): (payload: string) => void {
  const ringing = new OnTheirWay(MOST_RINGS)
  const looking = new OnTheirWay(MOST_MISSED)
  return (payload) => {
    const [subject = '', number = '', status = '', epoch = '0', priority = String(USUAL)] = payload.split(':')
    const id = asNumber(number)
    if (id < 1) return
    if (status === MISSED) return looking.go(String(id), () => to.lookAgain(id))
    to.claim(subject, id, status)
    for (const job of rungBy(subject, status))
      ringing.go(`${job}-${id}`, () => to.ring(job, id, asNumber(epoch), asPriority(priority)))
    if (subject === 'stage' || subject === 'run') to.reportSoon()
  }
}

/** Begins things that are hints: what is under way already is one, and what is too many is none. */
class OnTheirWay {
  private readonly keys = new Set<string>()

  constructor(private readonly most: number) {}

  go(key: string, begin: () => Promise<void>) {
    if (this.keys.has(key) || this.keys.size >= this.most) return
    this.keys.add(key)
    void begin().finally(() => this.keys.delete(key))
  }
}

/** Of a notification; what is no number of the record's is 0. */
const asNumber = (text: string) => (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 31 ? Number(text) : 0)
/** Between the first (a rollback) and the last (a feature branch) of the record. */
const asPriority = (text: string) => (/^-?\d{1,4}$/.test(text) ? Math.max(-10, Math.min(20, Number(text))) : USUAL)
