import { spawnSync } from 'node:child_process'
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundleRelease } from '../../audit/bundle'
import { noteOf, notesOf, rawKey, readNote } from '../../audit/checkpoint'
import type { About } from '../../audit/export'
import { openSigner, openTrust, readTrailKeys } from '../../audit/keys'
import { folderBox, packed } from '../../audit/packing'
import { rotateTrailKey } from '../../audit/rotate'
import { Frontier, leafHash } from '../../audit/tree'
import type { Context } from '../../pipelines/context'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { readOrigin } from '../../prisma/origin'
import { tell, transaction } from '../../prisma/record'
import { ensureKeys } from '../../prisma/seal'
import { checkpoint } from '../../worker/checkpoint'
import { freshDatabase } from '../database'
import { byShell, linesOf, verified, withFile, withLines } from './given-export'
import { givenDeployed, PAGE } from './given-release'
import type { GivenTrail } from './given-trail'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const OPERATOR = { actor: 'shiplock', actorName: 'Shiplock' }

let state: string
let keys: string
let database: Awaited<ReturnType<typeof freshDatabase>>
let record: RecordHandle
let origin: string
/** One worker for the whole test: it holds what it read when it started. */
let context: Context

beforeEach(async () => {
  state = mkdtempSync(join(tmpdir(), 'shiplock-cli-'))
  keys = join(state, 'keys')
  await ensureKeys(keys)
  database = await freshDatabase()
  record = openRecord(database.url, { max: 4 })
  origin = await readOrigin(record)
  const trail = join(state, 'trail')
  const trust = openTrust(keys, trail, origin, () => PAGE)
  context = {
    record,
    trail,
    signer: openSigner(keys),
    trust,
    worker: 'w1',
    stopping: new AbortController().signal,
  } as unknown as Context
})
afterEach(async () => {
  await record.close()
  await database.drop()
  rmSync(state, { recursive: true, force: true })
})

const signs = () => checkpoint(context)
const signedBy = (key: KeyObject, bytes: Uint8Array) => sign(null, bytes, key)
async function tells(n: number, name = 'Mia Chen') {
  for (let i = 0; i < n; i++)
    await transaction(record, (tx) =>
      tell(tx, {
        kind: 'note.make',
        subject: 'installation',
        subjectId: 1,
        by: { actor: 'account:3', actorName: name },
      }),
    )
}

/** The command, as somebody types it. */
function shiplock(words: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'cli/shiplock.ts', ...words], {
    cwd: ROOT,
    encoding: 'utf8',
    env: {
      NODE_ENV: 'test',
      PATH: process.env.PATH,
      SHIPLOCK_STATE: state,
      DATABASE_URL: database.url,
      PUBLIC_URL: PAGE,
      ...env,
    },
  })
  return { exit: status, out: stdout.trim(), problem: stderr.trim() }
}

describe('shiplock audit', () => {
  it('takes the trail away as a folder or as a zip, and verifies what it took', async () => {
    await tells(5)
    await signs()
    for (const name of ['export', 'export.zip']) {
      const to = join(state, name)
      expect(shiplock(['audit', 'export', to])).toMatchObject({
        exit: 0,
        out: expect.stringContaining('entries and 0 sign-offs'),
      })
      const found = shiplock(['audit', 'verify', to])
      expect(found).toMatchObject({ exit: 0, problem: '' })
      expect(found.out).toContain('OK: nothing was changed, and nothing is missing.')
    }
    // Taking it away is told, to whoever comes after.
    const { rows } = await record.pool.query(`SELECT data FROM "AuditEntry" WHERE kind = 'trail.export' ORDER BY id`)
    expect(rows).toHaveLength(2)
    expect(rows[0]).toEqual({ data: { size: 5 } })
  })

  it('gives the verdict as its exit code: changed, not whole', async () => {
    await tells(5)
    await signs()
    const to = join(state, 'export')
    shiplock(['audit', 'export', to])
    const changed = shiplock(['audit', 'verify', withLines(to, (l) => l.toSpliced(2, 1)), '--json'])
    expect(changed.exit).toBe(1)
    expect(JSON.parse(changed.out)).toMatchObject({ verdict: 'tampered', first: { seq: 2 } })
    rmSync(join(to, 'checkpoints.txt'))
    expect(shiplock(['audit', 'verify', to]).exit).toBe(2)
  })

  it('refuses to write over what is there, and says why there is nothing to take away yet', async () => {
    await tells(1)
    expect(shiplock(['audit', 'export', join(state, 'none.zip')])).toEqual({
      exit: 1,
      out: '',
      problem: 'the trail has no checkpoint yet: a worker signs the first within a minute of its start.',
    })
    expect(readdirSync(state).filter((name) => name.includes('zip'))).toEqual([])
    await signs()
    expect(shiplock(['audit', 'export', keys]).problem).toContain('is not empty: name a folder that is not there yet')
  })

  it('forgets what somebody is called, and every proof holds', async () => {
    await tells(3)
    await tells(1, 'Mia C.')
    await signs()
    expect(shiplock(['audit', 'forget', 'account:3']).out).toContain('account:3 has no name any more in 4 entries')
    await signs()
    const to = join(state, 'export')
    shiplock(['audit', 'export', to])
    expect(shiplock(['audit', 'verify', to]).exit).toBe(0)
    for (const name of ['events.ndjson', 'names.ndjson'])
      expect(readFileSync(join(to, name), 'utf8')).not.toContain('Mia')
    expect(shiplock(['audit', 'forget', 'Mia'])).toMatchObject({ exit: 64 })
  })
})

describe('shiplock audit rotate-key', () => {
  const about = (): About => ({ origin, keys: readTrailKeys(keys), webOrigins: [PAGE] })
  const exported = (name: string) => {
    const to = join(state, name)
    expect(shiplock(['audit', 'export', to])).toMatchObject({ exit: 0 })
    return to
  }

  it('replaces the key while a worker runs: what both signed is verified with either', async () => {
    await tells(5)
    await signs()
    const [first] = readTrailKeys(keys)
    const said = shiplock(['audit', 'rotate-key'])
    expect(said).toMatchObject({ exit: 0, out: expect.stringContaining('signs from size 6 on') })
    const [, second] = readTrailKeys(keys)
    expect(readTrailKeys(keys)).toEqual([first, { publicKey: second?.publicKey, from: 6 }])
    await signs()
    await tells(5)
    await signs()
    const to = exported('export')
    for (const key of [first, second])
      expect(shiplock(['audit', 'verify', to, '--key', key?.publicKey ?? ''])).toMatchObject({ exit: 0 })
    expect(shiplock(['audit', 'verify', to, '--key', Buffer.alloc(32).toString('base64')])).toMatchObject({ exit: 1 })
  })

  it('leaves the private key to its owner alone, and nothing of the old one', () => {
    const before = readFileSync(join(keys, 'trail.key'), 'utf8')
    shiplock(['audit', 'rotate-key'])
    const mode = (name: string) => (statSync(join(keys, name)).mode & 0o777).toString(8)
    expect({ private: mode('trail.key'), public: mode('trail-keys.json') }).toEqual({ private: '600', public: '644' })
    expect(
      readdirSync(keys)
        .filter((name) => name.startsWith('trail'))
        .sort(),
    ).toEqual(['trail-keys.json', 'trail.key'])
    const now = readFileSync(join(keys, 'trail.key'), 'utf8')
    expect(now).not.toBe(before)
    const publicKey = rawKey(createPublicKey(createPrivateKey(now))).toString('base64')
    expect(readTrailKeys(keys).at(-1)?.publicKey).toBe(publicKey)
  })

  it('a head that the old key signs afterwards is refused, and so is a key that nobody brought', async () => {
    await tells(3)
    const old = createPrivateKey(readFileSync(join(keys, 'trail.key')))
    shiplock(['audit', 'rotate-key'])
    await tells(2)
    await signs()
    const to = exported('export')
    const frontier = new Frontier()
    for (const line of linesOf(to)) frontier.append(leafHash(Buffer.from(line)))
    const signer = { publicKey: createPublicKey(old), sign: (bytes: Uint8Array) => signedBy(old, bytes) }
    const forged = `${noteOf({ origin, size: frontier.size, root: frontier.root() }, signer)}\n`
    expect(verified(withFile(to, 'checkpoints.txt', () => forged)).problems[0]).toMatchObject({
      check: 'checkpoints',
      text: `the checkpoint of size ${frontier.size} is signed with a key that had been replaced`,
    })
    // Somebody adds a key of their own to the list, and signs with it.
    const mine = generateKeyPairSync('ed25519')
    const theirs = { publicKey: rawKey(mine.publicKey).toString('base64'), from: 4 }
    const listed = withFile(to, 'keys.json', (text) =>
      text.replace(/\],"origin"/, `,${JSON.stringify({ from: theirs.from, publicKey: theirs.publicKey })}],"origin"`),
    )
    const resigned = withFile(listed, 'checkpoints.txt', (text) =>
      notesOf(text)
        .map((note) => readNote(note))
        .map((head) =>
          head === null
            ? ''
            : `${noteOf(head, { publicKey: mine.publicKey, sign: (b) => signedBy(mine.privateKey, b) })}\n`,
        )
        .join(''),
    )
    expect(verified(resigned).problems.map((p) => p.text)).toContain('a key signs that no entry brings')
  })

  it('is in the bundle of a release, where the shell checks it as well', async () => {
    await tells(2)
    const trail = {
      record,
      origin,
      publicKey: createPublicKey(createPrivateKey(readFileSync(join(keys, 'trail.key')))),
      signer: context.signer,
      worker: () => ({ context, signs }),
    } as unknown as GivenTrail
    const release = await givenDeployed(trail)
    shiplock(['audit', 'rotate-key'])
    await signs()
    const to = join(state, 'bundle')
    await packed(await folderBox(to), (pack) => bundleRelease(record.pool, release.releaseId, about(), pack))
    const [first] = readTrailKeys(keys)
    expect(verified(to, '--key', first?.publicKey ?? '')).toMatchObject({ exit: 0, signed: 2 })
    expect(byShell(to, first?.publicKey ?? '')).toMatchObject({ status: 0, stderr: '' })
    const seq = linesOf(exported('export')).findIndex((line) => line.includes('"kind":"trail.key"'))
    const without = withFile(to, 'README.txt', (text) => text)
    for (const end of ['json', 'tlog-proof']) rmSync(join(without, `entries/${seq}.${end}`))
    const again = withFile(without, 'README.txt', (text) => text)
    expect({ node: verified(again).exit, shell: byShell(again).status }).toEqual({ node: 1, shell: 1 })
  })

  it.each([
    'before anything was published',
    'before the list was published',
    'before the key was in its place',
    'before the entry was written',
  ] as const)('that was cut off %s is finished by the next one, or begun anew', async (when) => {
    await tells(3)
    await signs()
    const [first] = readTrailKeys(keys)
    const at = (name: string) => join(keys, name)
    const next = generateKeyPairSync('ed25519')
    const pem = next.privateKey.export({ format: 'pem', type: 'pkcs8' })
    writeFileSync(at('trail.key.next'), pem, { mode: 0o600 })
    if (when !== 'before anything was published') copyFileSync(at('trail.key'), at('trail.key.old'))
    const published = when === 'before the key was in its place' || when === 'before the entry was written'
    if (published)
      writeFileSync(
        at('trail-keys.json'),
        JSON.stringify([first, { publicKey: rawKey(next.publicKey).toString('base64'), from: 4 }]),
      )
    if (when === 'before the entry was written') renameSync(at('trail.key.next'), at('trail.key'))
    const rotated = await rotateTrailKey(record.pool, keys, OPERATOR)
    expect(rotated.finished).toBe(published)
    if (published) expect(rotated).toMatchObject({ publicKey: rawKey(next.publicKey).toString('base64'), from: 4 })
    expect(existsSync(at('trail.key.old')) || existsSync(at('trail.key.next'))).toBe(false)
    expect(readTrailKeys(keys)).toHaveLength(2)
    await signs()
    expect(verified(exported('export'), '--key', first?.publicKey ?? '')).toMatchObject({ exit: 0 })
  })
})

describe('shiplock', () => {
  it('makes an enrolment code, once shown and never stored', () => {
    const { exit, out } = shiplock(['enrolment-code'])
    expect(exit).toBe(0)
    expect(out).toMatch(/^([A-Z2-9]{4}-){5}[A-Z2-9]{4}$/)
    const kept = readFileSync(join(keys, 'enrolment-codes.json'), 'utf8')
    expect(kept).not.toContain(out)
    expect(statSync(join(keys, 'enrolment-codes.json')).mode & 0o777).toBe(0o600)
  })

  it('resumes the queue, which lies in the database where it is not on Redis', () => {
    expect(shiplock(['resume-queue'])).toEqual({ exit: 0, out: 'The queue is not paused.', problem: '' })
    expect(shiplock(['resume-queue', 'now'])).toMatchObject({
      exit: 64,
      problem: expect.stringContaining('resume-queue takes nothing more'),
    })
  })

  it('says what its commands are, and refuses what is none', () => {
    expect(shiplock(['--help'])).toMatchObject({
      exit: 0,
      out: expect.stringContaining('audit export FOLDER | FILE.zip'),
    })
    for (const [words, problem] of [
      [['audit'], 'there is no command audit'],
      [['deploy'], 'there is no command deploy'],
      [['audit', 'verify'], 'audit verify takes one folder or zip'],
      [['audit', 'rotate-key', 'now'], 'audit rotate-key takes nothing more'],
      [['audit', 'export', 'x', '--json'], '--key, --origin and --json are for audit verify, not for audit export'],
      [['audit', 'verify', 'x', '--nonsense'], "Unknown option '--nonsense'"],
    ] as const) {
      const said = shiplock(words)
      expect({ words, exit: said.exit }).toEqual({ words, exit: 64 })
      expect(said.problem).toContain(problem)
    }
  })

  it('says in one sentence what is in the way', () => {
    const nowhere = shiplock(['audit', 'rotate-key'], { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' })
    expect(nowhere.exit).toBe(1)
    expect(nowhere.problem).toMatch(/^The database cannot be reached: .*Look at DATABASE_URL\.$/)
    const empty = shiplock(['audit', 'export', join(state, 'x')], {
      DATABASE_URL: '',
      SHIPLOCK_STATE: join(state, 'empty'),
    })
    expect(empty).toMatchObject({
      exit: 1,
      problem: `there is no Shiplock in ${join(state, 'empty')}: set SHIPLOCK_STATE to its folder, or DATABASE_URL.`,
    })
    expect(existsSync(join(state, 'empty'))).toBe(false)
  })
})
