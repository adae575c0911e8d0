// A Fault is "we could not find out". A verdict ("the answer is no") is a value, never a Fault.
import { lossOf } from '../prisma/database-loss'
import { isFull } from './full-disk'

/** What each fault means: the HTTP status it answers with, and whether trying again can help. */
export const FAULTS = {
  'forge.unreachable': { http: 502, retry: true },
  'forge.busy': { http: 503, retry: true }, // 429, 409 lock: later
  'forge.denied': { http: 502, retry: false }, // 401, 403: the token lacks a right
  'forge.missing': { http: 404, retry: false },
  'forge.refused': { http: 422, retry: false }, // any other 4xx
  'git.failed': { http: 502, retry: true },
  'engine.unreachable': { http: 503, retry: true },
  'engine.refused': { http: 502, retry: false },
  'image.missing': { http: 404, retry: false },
  'target.unreachable': { http: 503, retry: true },
  'database.unreachable': { http: 503, retry: true },
  'database.busy': { http: 503, retry: true }, // it takes no more connections
  'input.invalid': { http: 422, retry: false },
  'not.found': { http: 404, retry: false },
  'not.signed.in': { http: 401, retry: false },
  'not.permitted': { http: 403, retry: false },
  'too.many': { http: 429, retry: true },
  'storage.full': { http: 503, retry: true }, // a disk without room: stored nowhere, and tried again by itself
  'storage.short': { http: 503, retry: true }, // it failed while a disk had too little room: not known which of the two did it
  conflict: { http: 409, retry: false },
} as const

export type FaultCode = keyof typeof FAULTS

/** Thrown when we could not find out. `message` says what, where and what to do; it never holds a secret. */
export class Fault extends Error {
  readonly code: FaultCode
  /** Milliseconds to wait before trying again, where the other side said so (Retry-After). */
  readonly retryAfterMs: number | undefined
  constructor(code: FaultCode, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause })
    this.name = 'Fault'
    this.code = code
    this.retryAfterMs = options.retryAfterMs
  }
}

export const isFault = (error: unknown): error is Fault => error instanceof Fault

const LOST = {
  'database.unreachable': { message: 'the database does not answer: try again in a moment', retryAfterMs: 2_000 },
  'database.busy': {
    message: 'the database takes no more connections at this moment: try again in some seconds',
    retryAfterMs: 5_000,
  },
} as const

/** As told to those who ask while the database is away. */
export const lostFault = (loss: keyof typeof LOST, cause?: unknown) =>
  new Fault(loss, LOST[loss].message, { cause, retryAfterMs: LOST[loss].retryAfterMs })

const FULL = 'there is no room left to store this: make room on the disk; it continues automatically'
/** Room is made by people: asking more often than this does not help. */
const FULL_RETRY_MS = 10_000

/** The same error; where it says that the database was lost or that a disk is full, the Fault of that. */
export function faultOf(error: unknown): unknown {
  if (isFull(error)) {
    if (isFault(error) && error.code === 'storage.full') return error
    return new Fault('storage.full', isFault(error) ? error.message : FULL, {
      cause: error,
      retryAfterMs: FULL_RETRY_MS,
    })
  }
  const loss = isFault(error) ? null : lossOf(error)
  return loss === null ? error : lostFault(loss, error)
}

/** May trying again help? An exception that is no Fault is a bug and is never retried in silence. */
export const canRetry = (error: unknown) => isFault(error) && FAULTS[error.code].retry

/** Neither a Fault, nor a lost database, nor a full disk: it is told with its stack. */
export const isBug = (error: unknown) => !isFault(faultOf(error))
