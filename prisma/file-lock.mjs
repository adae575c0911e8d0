// One process at a time, by a lock file that outlives a crash: plain JavaScript, because the set-up needs it before any
// dependency exists. Made for work of seconds on one machine, not for a network file system.
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A breaker older than this was left by a crash in the middle of breaking a lock. */
const BREAKER_STALE_MS = 10_000

/**
 * Runs `work` while no other process holds `file`. A lock whose owner is dead is taken over.
 *
 * @template T
 * @param {string} file where the lock lies; its folder must exist
 * @param {() => Promise<T>} work
 * @param {{ timeoutMs?: number, onWait?: (pid: number) => void, signal?: AbortSignal }} [options] `onWait` is called once, with the
 *   owner's pid; `signal` ends the waiting, not the work
 * @returns {Promise<T>} what `work` returned; rejects when the lock was not free in time
 */
export async function withFileLock(file, work, options = {}) {
  const release = await take(file, options)
  try {
    return await work()
  } finally {
    release()
  }
}

/**
 * @param {string} file
 * @param {{ timeoutMs?: number, onWait?: (pid: number) => void, signal?: AbortSignal }} options
 */
async function take(file, { timeoutMs = 120_000, onWait, signal }) {
  const me = { pid: process.pid, born: bornAt(process.pid), nonce: randomUUID() }
  const mine = `${file}.${me.nonce}`
  const deadline = Date.now() + timeoutMs
  let told = false
  fs.writeFileSync(mine, JSON.stringify(me))
  try {
    for (;;) {
      signal?.throwIfAborted()
      // link() fails when the name exists and shows the whole content at once, which open('wx') does not.
      if (tryLink(mine, file)) return () => releaseIfMine(file, me.nonce)
      const owner = readOwner(file)
      if (owner && !isAlive(owner)) breakStale(file, owner.nonce)
      else if (Date.now() > deadline) {
        throw new Error(
          `${file} is held by process ${owner?.pid ?? '?'} for longer than ${Math.round(timeoutMs / 1000)} s`,
        )
      } else {
        if (owner && !told) onWait?.(owner.pid)
        told ||= owner !== null
        // Who waits without an end looks less often.
        await sleep(Number.isFinite(timeoutMs) ? 50 : 500)
      }
    }
  } finally {
    fs.rmSync(mine, { force: true })
  }
}

/** Does a living process hold it at this moment? @param {string} file */
export function isHeld(file) {
  const owner = readOwner(file)
  return owner !== null && isAlive(owner)
}

/** @param {string} from @param {string} to */
function tryLink(from, to) {
  try {
    fs.linkSync(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** @param {string} file @returns {{ pid: number, born: string, nonce: string } | null} null: gone meanwhile */
function readOwner(file) {
  try {
    const owner = JSON.parse(fs.readFileSync(file, 'utf8'))
    return { pid: Number(owner.pid), born: String(owner.born), nonce: String(owner.nonce) }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    // Not JSON: a file that a full disk cut short. Nobody owns it.
    if (error instanceof SyntaxError) return { pid: 0, born: '', nonce: '' }
    throw error
  }
}

/** @param {{ pid: number, born: string }} owner */
function isAlive({ pid, born }) {
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
  // A number is given again to another process after a restart of the machine: the time of its birth tells them apart.
  const now = bornAt(pid)
  return now === '' || born === '' || now === born
}

/** The process's start time in clock ticks since boot; '' where the system has no /proc. @param {number} pid */
function bornAt(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return '' // no /proc here, or the process has just ended: the signal above decides
  }
}

/** Only one process may judge a dead owner's lock: two would remove each other's new one. @param {string} file @param {string} nonce */
function breakStale(file, nonce) {
  const breaker = `${file}.breaker`
  try {
    fs.mkdirSync(breaker)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    const age = Date.now() - (fs.statSync(breaker, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > BREAKER_STALE_MS) fs.rmSync(breaker, { recursive: true, force: true })
    return
  }
  try {
    if (readOwner(file)?.nonce === nonce) fs.rmSync(file, { force: true })
  } finally {
    fs.rmSync(breaker, { recursive: true, force: true })
  }
}

/** @param {string} file @param {string} nonce */
function releaseIfMine(file, nonce) {
  if (readOwner(file)?.nonce === nonce) fs.rmSync(file, { force: true })
}

/** @param {unknown} error */
const codeOf = (error) => (error instanceof Error && 'code' in error ? error.code : undefined)

/** The lock's usual place inside a folder, which is made when missing. @param {string} dir @param {string} name */
export function lockFile(dir, name) {
  fs.mkdirSync(dir, { recursive: true })
  return path.join(dir, `${name}.lock`)
}
