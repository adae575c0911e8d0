// What is remembered of the trail outside the database: the last signed head, every checkpoint, and whether there is an alarm.
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { asEntryOfFile, notesOf } from './checkpoint'
import type { Position, Refusal } from './follow'
import { Frontier, type FrontierJson } from './tree'

export const HEAD = 'head.json'
const ALARM = 'alarm.json'
/** What differed when the alarm was raised: known.ts. */
export const DIFFERENCE = 'difference.json'
/** Every checkpoint that was ever signed here, in order; only ever added to, so that it may be an append-only file. */
export const NOTES = 'checkpoints.txt'
/** Holds many notes; the last one is wanted. */
const TAIL_BYTES = 16 * 1024

interface Kept {
  origin: string
  size: number
  /** Hex, as is `last`. */
  root: string
  last: string
  frontier: FrontierJson
}

/** What was signed last; null where nothing was. Throws where it is there and cannot be made out. */
export function readHead(dir: string, origin: string): Position | null {
  const file = join(dir, HEAD)
  if (!existsSync(file)) return null
  const kept = JSON.parse(readFileSync(file, 'utf8')) as Kept
  const frontier = Frontier.from(kept.frontier)
  const last = Buffer.from(kept.last, 'hex')
  if (kept.origin !== origin) throw new Error(`it is of another trail, ${kept.origin}`)
  if (kept.size !== frontier.size || frontier.root().toString('hex') !== kept.root || last.length !== 32)
    throw new Error('what it holds does not fit together')
  return { frontier, last }
}

/** It is on the disk when this returns: a signature leaves only after what it signs is remembered. */
export function keepHead(dir: string, origin: string, { frontier, last }: Position) {
  const kept: Kept = {
    origin,
    size: frontier.size,
    root: frontier.root().toString('hex'),
    last: last.toString('hex'),
    frontier: frontier.toJSON(),
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const part = join(dir, `${HEAD}.part`)
  write(part, 'w', `${JSON.stringify(kept)}\n`)
  renameSync(part, join(dir, HEAD))
  withFile(dir, 'r', fsyncSync)
}

/** The note that was added last; null where there is none. */
export function lastNote(dir: string): string | null {
  const file = join(dir, NOTES)
  return existsSync(file) ? (notesOf(withFile(file, 'r', readTail)).at(-1) ?? null) : null
}

/** Adds a note at the end. What a crash left half-written before it stays, and is passed over by readers. */
export function addNote(dir: string, note: string) {
  const file = join(dir, NOTES)
  const whole = !existsSync(file) || withFile(file, 'r', readTail).endsWith('\n\n')
  write(file, 'a', `${whole ? '' : '\n\n'}${asEntryOfFile(note)}`)
}

/** The alarm that was told and still stands. */
export function readAlarm(dir: string): Refusal | null {
  const file = join(dir, ALARM)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Refusal) : null
}
export function keepAlarm(dir: string, alarm: Refusal) {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  writeFileSync(join(dir, ALARM), `${JSON.stringify(alarm)}\n`, { mode: 0o600, flush: true })
}
export function endAlarm(dir: string) {
  rmSync(join(dir, ALARM), { force: true })
  rmSync(join(dir, DIFFERENCE), { force: true })
}

function withFile<T>(file: string, flags: string, use: (fd: number) => T): T {
  const fd = openSync(file, flags, 0o600)
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

const write = (file: string, flags: 'w' | 'a', text: string) =>
  withFile(file, flags, (fd) => {
    const bytes = Buffer.from(text)
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
    fsyncSync(fd)
  })

function readTail(fd: number): string {
  const { size } = fstatSync(fd)
  const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES))
  readSync(fd, bytes, 0, bytes.length, size - bytes.length)
  return bytes.toString('utf8')
}
