// node scripts/setup.mjs demo|start|dev|test|bench|check: finds what that command needs and this machine lacks, and brings it.
// Silent when nothing is missing. SHIPLOCK_NO_INSTALL=1: only says what is missing. Exits 3 when something has to be done by
// hand, with the exact command, and 1 when bringing it failed. Node built-ins only: it runs before anything is installed.
import { decide, NEEDS, refuseNode } from './setup-decide.mjs'
import { ownTsxCache } from './tsx-cache.mjs'

const BY_HAND = 3
const LOCK_MS = 1_800_000

const say = (text) => process.stdout.write(`setup: ${text}`)

async function main(command) {
  ownTsxCache()
  if (!Object.hasOwn(NEEDS, command)) throw new Error(`node scripts/setup.mjs ${Object.keys(NEEDS).join('|')}`)
  const { gather } = await import('./setup-facts.mjs')
  const first = decide(command, await gather(command))
  if (first.sentences.length > 0) return refuse(first.sentences)
  if (first.acts.length === 0) return 0
  if (process.env.SHIPLOCK_NO_INSTALL === '1')
    return first.missing.length > 0 ? refuse(first.missing.map((m) => `missing: ${m}`)) : 0
  const { lockFile, withFileLock } = await import('../prisma/file-lock.mjs')
  const { workDir } = await import('./setup-run.mjs')
  const onWait = (pid) => say(`another set-up (process ${pid}) is at work; waiting for it\n`)
  return withFileLock(lockFile(workDir, 'setup'), async () => bring(decide(command, await gather(command))), {
    timeoutMs: LOCK_MS,
    onWait,
  })
}

async function bring({ acts, sentences }) {
  if (sentences.length > 0) return refuse(sentences)
  const { ACTS } = await import('./setup-acts.mjs')
  for (const { act, packages } of acts) {
    if (ACTS[act].needless?.()) continue
    const begun = performance.now()
    const notes = []
    say(`${ACTS[act].says(packages)} … `)
    try {
      await ACTS[act].does(packages, (text) => notes.push(text))
    } catch (error) {
      process.stdout.write('failed\n')
      throw error
    }
    process.stdout.write(
      `${((performance.now() - begun) / 1000).toFixed(1)} s${notes.map((n) => ` (${n})`).join('')}\n`,
    )
  }
  return 0
}

function refuse(sentences) {
  for (const sentence of sentences) process.stderr.write(`setup: ${sentence}\n`)
  return BY_HAND
}

// Before anything is imported that an old Node cannot read.
const tooOld = refuseNode(process.versions.node)
try {
  process.exitCode = tooOld ? refuse([tooOld]) : await main(process.argv[2] ?? '')
} catch (error) {
  process.stderr.write(`setup: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
