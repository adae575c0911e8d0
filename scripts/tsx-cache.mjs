// Compiled code lies in a shared folder, under a name that anybody can guess: what another user put there must never be run.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/**
 * Sees to it that tsx's folder for this user is this user's. To be called before code runs through tsx with more rights than
 * others on this machine have.
 */
export function ownTsxCache(dir = path.join(os.tmpdir(), `tsx-${process.geteuid?.() ?? ''}`)) {
  const me = process.geteuid?.()
  if (me === undefined) return
  const there = fs.lstatSync(dir, { throwIfNoEntry: false })
  if (there?.isDirectory() && there.uid === me && (there.mode & 0o022) === 0) return
  try {
    fs.rmSync(dir, { recursive: true, force: true })
    // Not recursive: it fails where somebody was quicker than us.
    fs.mkdirSync(dir, { mode: 0o700 })
  } catch (cause) {
    throw new Error(`${dir} belongs to somebody else, and code would be run from it: remove it`, { cause })
  }
}
