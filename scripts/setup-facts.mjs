// Looks at this machine and this clone, changes nothing, and takes well under a second.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { clientIsCurrent } from './generate.mjs'
import { buildId } from './setup-build.mjs'
import { engineAnswer, engineHost } from './setup-engine.mjs'

export const root = fileURLToPath(new URL('..', import.meta.url))
const lock = path.join(root, 'package-lock.json')
const installed = path.join(root, 'node_modules/.package-lock.json')
const marker = path.join(root, 'node_modules/.shiplock-lock')

/** Where a package is seen. A name of a program is looked for on PATH and in the system's own folders. */
const SEEN = {
  git: () => program('git'),
  'busybox-static': () => ['/bin/busybox', '/usr/bin/busybox', '/usr/local/bin/busybox'].some(isStatic),
  'redis-server': () => program('redis-server'),
  chromium: () => program('chromium'),
  'chromium-headless-shell': () => program('chromium-headless-shell'),
  'fonts-wqy-microhei': () => fs.existsSync('/usr/share/fonts/truetype/wqy/wqy-microhei.ttc'),
  iproute2: () => program('ip'),
  'postgresql-contrib': () => program('pgbench') || globPgbench(),
}

/**
 * @param {import('./setup-decide.mjs').Command} command
 * @returns {Promise<import('./setup-decide.mjs').Facts>}
 */
export async function gather(command) {
  const modules = modulesAreCurrent(
    command === 'test' || command === 'bench' || command === 'check' || command === 'dev',
  )
  return {
    node: process.versions.node,
    modules,
    client: modules && clientIsCurrent(),
    build: buildId.current(),
    engine: await engineAnswer(),
    dockerHost: engineHost(),
    dockerd: program('dockerd'),
    packages: Object.fromEntries(Object.entries(SEEN).map(([name, isThere]) => [name, isThere()])),
    apt: isDebian(),
    root: process.getuid?.() === 0,
    mac: process.platform === 'darwin',
  }
}

/** Without development packages an install by `npm ci --omit=dev` is whole. @param {boolean} withDev */
function modulesAreCurrent(withDev) {
  if (!fs.existsSync(installed)) return false
  const text = fs.readFileSync(lock)
  const id = createHash('sha256').update(text).update(String(withDev)).digest('hex')
  if (fs.existsSync(marker) && fs.readFileSync(marker, 'utf8') === id) return true
  // No marker, or an older one: someone may have installed by hand. npm keeps its own account of what it put there.
  const wanted = JSON.parse(text.toString('utf8')).packages
  const there = JSON.parse(fs.readFileSync(installed, 'utf8')).packages
  for (const [name, entry] of Object.entries(wanted)) {
    if (name === '' || entry.optional || entry.devOptional || entry.peer || (entry.dev && !withDev)) continue
    if (there[name]?.version !== entry.version) return false
  }
  try {
    fs.writeFileSync(marker, id)
  } catch {
    // Somebody else's folder: without the marker the same is found out the longer way the next time.
  }
  return true
}

/** @param {string} name */
function program(name) {
  const dirs = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return dirs.some((dir) => dir !== '' && fs.existsSync(path.join(dir, name)))
}

const globPgbench = () => {
  const versions = '/usr/lib/postgresql'
  return (
    fs.existsSync(versions) &&
    fs.readdirSync(versions).some((v) => fs.existsSync(path.join(versions, v, 'bin/pgbench')))
  )
}

/** A dynamic program names its loader near its start, and would not run in an image that holds nothing else. @param {string} file */
function isStatic(file) {
  if (!fs.existsSync(file)) return false
  const fd = fs.openSync(file, 'r')
  try {
    const head = Buffer.alloc(4096)
    fs.readSync(fd, head, 0, head.length, 0)
    return !/\/ld-(linux|musl)/.test(head.toString('latin1'))
  } finally {
    fs.closeSync(fd)
  }
}

function isDebian() {
  if (!fs.existsSync('/etc/os-release')) return false
  return /^(ID|ID_LIKE)=.*\b(debian|ubuntu)\b/m.test(fs.readFileSync('/etc/os-release', 'utf8'))
}
