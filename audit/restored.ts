// Is this database the one that was signed? Asked at every claim and every few seconds: one statement, and no recomputing.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { readNote } from './checkpoint'
import type { Refusal } from './follow'
import { HEAD, lastNote, readAlarm, readHead } from './head'
import type { Asks } from './trust'

/** What was signed last, as far as it takes to know the same database again. */
interface Known {
  size: number
  /** Leaf of the last entry; null: only the size is known. */
  last: Buffer | null
}

const held = new Map<string, { of: string; known: Known | null }>()

/** Read again when the file is another one. @throws where it cannot be made out */
function knownIn(dir: string, origin: string): Known | null {
  const stat = statSync(join(dir, HEAD), { throwIfNoEntry: false })
  if (stat === undefined) {
    const noted = readNote(lastNote(dir) ?? '')
    return noted === null ? null : { size: noted.size, last: null }
  }
  const of = `${origin} ${stat.ino} ${stat.mtimeMs} ${stat.size}`
  const remembered = held.get(dir)
  if (remembered?.of === of) return remembered.known
  const head = readHead(dir, origin)
  const known = head === null ? null : { size: head.frontier.size, last: head.last }
  held.set(dir, { of, known })
  return known
}

interface Row {
  origin: string
  size: string
  leaf: Buffer | null
}

const NOW = `SELECT i.origin, COALESCE((SELECT seq + 1 FROM "AuditLeaf" ORDER BY seq DESC LIMIT 1), 0) AS size,
  (SELECT leaf FROM "AuditLeaf" WHERE seq = $1) AS leaf FROM "Installation" i WHERE i.id = 1`

/**
 * Why the database is not the one whose trail was signed: an older one that was put back, a fork of it, or another one. Null: it
 * continues what was signed. Edits further back are found by the signer, which recomputes.
 */
export async function whyNotTheSigned(ask: Asks, dir: string, origin: string): Promise<Refusal | null> {
  let known: Known | null
  try {
    known = knownIn(dir, origin)
  } catch (error) {
    return { what: 'unreadable', because: `${dir}/${HEAD} cannot be read: ${(error as Error).message}` }
  }
  const { rows } = await ask(NOW, [(known?.size ?? 0) - 1])
  const [row] = rows as Row[]
  if (row === undefined || row.origin !== origin)
    return {
      what: 'forked',
      because: `the database holds another trail than when this worker started (${row?.origin ?? 'none'}): put the right one back, or restart the worker`,
    }
  if (known === null) return null
  const size = Number(row.size)
  if (size < known.size)
    return { what: 'shorter', because: `the trail has ${size} entries, and ${known.size} were signed` }
  if (known.last !== null && !row.leaf?.equals(known.last))
    return { what: 'forked', because: `entry ${known.size - 1} is another one than was signed` }
  return null
}

/** As a worker asks at every claim: by what it remembers, and by an alarm that still stands. Null: there is no doubt. */
export const doubts = (dir: string, origin: string) => async (ask: Asks) =>
  ((await whyNotTheSigned(ask, dir, origin)) ?? readAlarm(dir))?.because ?? null
