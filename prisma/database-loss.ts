// What an error says about the database: it cannot be reached, it takes no more connections, or nothing. Pure.

export type DatabaseLoss = 'database.unreachable' | 'database.busy'

/** What PostgreSQL, its driver, the system's sockets and Prisma call a database that cannot be reached now. */
const UNREACHABLE = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN'],
  // The name server may be what is away.
  ...['ENOTFOUND', 'EAI_AGAIN'],
  // Ended by an administrator, ended by a crash, starting up or recovering, idle for too long.
  ...['57P01', '57P02', '57P03', '57P05', '25P03'],
  // A standby: the server that takes writes is another one by now.
  '25006',
  ...['P1001', 'P1002', 'P1008', 'P1017'],
])
const BUSY = new Set(['53300', 'P2024', 'P2037'])

const UNREACHABLE_WORDS =
  /^connect ENOENT|\bconnect ENOENT \/|Connection terminated|connection error and is not queryable|Client was closed and is not queryable|Query read timeout|^timeout expired|Can't reach database/i
/** All connections of this process's own pool are taken, for longer than a request may wait. */
const BUSY_WORDS = /timeout exceeded when trying to connect/i

/** How deep causes are followed: an error may name itself as its cause. */
const DEEPEST = 5

interface Told {
  name?: unknown
  code?: unknown
  message?: unknown
  cause?: unknown
  errors?: unknown
  originalCode?: unknown
  meta?: { driverAdapterError?: unknown }
}

/** @returns null where the error is about something else, such as a forge or an engine that cannot be reached */
export function lossOf(error: unknown, depth = 0): DatabaseLoss | null {
  if (typeof error !== 'object' || error === null || depth > DEEPEST) return null
  const { name, code, message, cause, errors, originalCode, meta } = error as Told
  if (code === 'database.unreachable' || code === 'database.busy') return code
  // A Fault has its own code: what it wraps is no connection to the database.
  if (name === 'Fault') return null
  const codes = [code, originalCode].map(String)
  if (codes.some((c) => BUSY.has(c))) return 'database.busy'
  if (codes.some((c) => UNREACHABLE.has(c) || /^08...$/.test(c))) return 'database.unreachable'
  const words = String(message ?? '')
  if (BUSY_WORDS.test(words)) return 'database.busy'
  if (UNREACHABLE_WORDS.test(words)) return 'database.unreachable'
  const inner = [cause, meta?.driverAdapterError, ...(Array.isArray(errors) ? errors : [])]
  return inner.map((e) => lossOf(e, depth + 1)).find((loss) => loss !== null) ?? null
}

/** A password, a role or a database that is wrong: no waiting makes it right. As PostgreSQL and as Prisma call it. */
const WRONG = new Set(['28P01', '28000', '3D000', 'P1000', 'P1003'])

/** A sentence for the person who wrote the address of the database; null: that is not what is wrong. */
export function whyWrongAddress(error: unknown): string | null {
  const { code, message } = (error ?? {}) as Told
  return WRONG.has(String(code)) ? `the database refuses DATABASE_URL: ${String(message).split('\n').at(-1)}` : null
}
