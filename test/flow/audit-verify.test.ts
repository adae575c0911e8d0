import { generateKeyPairSync, sign } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noteOf, notesOf, rawKey, readNote } from '../../audit/checkpoint'
import { exportTrail } from '../../audit/export'
import { folderBox, packed, zipBox } from '../../audit/packing'
import { Frontier, leafHash } from '../../audit/tree'
import { SoftPasskey } from '../../demo/passkey'
import {
  copyOf,
  filesOf,
  folder,
  inWords,
  linesOf,
  manifestAnew,
  read,
  rechained,
  verified,
  withFile,
  withLines,
  written,
} from './given-export'
import { aboutOf, deploys, type GivenRelease, givenDeployed, givenRelease, gives, PAGE } from './given-release'
import { type GivenTrail, givenTrail, MIA } from './given-trail'

let trail: GivenTrail
let dir: string
let release: Awaited<ReturnType<typeof givenDeployed>>
let key: string
const trails: GivenTrail[] = []

async function given(): Promise<GivenTrail> {
  const made = await givenTrail({ connections: 8 })
  trails.push(made)
  return made
}

/** Exports this trail into a folder of its own. */
async function exported(of: GivenTrail): Promise<string> {
  const to = join(mkdtempSync(join(home, 'x')), 'export')
  await packed(await folderBox(to), (pack) => exportTrail(of.record.pool, aboutOf(of), pack))
  return to
}

let home: string
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'shiplock-exports-'))
  trail = await given()
  for (let i = 0; i < 4; i++) {
    await trail.tells(10)
    await trail.worker().signs()
  }
  release = await givenDeployed(trail)
  await trail.tells(9)
  await trail.worker().signs()
  dir = await exported(trail)
  key = rawKey(trail.publicKey).toString('base64')
}, 60_000)
afterAll(async () => {
  for (const each of trails) await each.end()
  rmSync(home, { recursive: true, force: true })
})

const size = () => linesOf(dir).length
/** Sizes of the checkpoints in an export. */
const sizes = (of: string) =>
  notesOf(readFileSync(join(of, 'checkpoints.txt'), 'utf8')).map((n) => readNote(n)?.size ?? -1)

describe('an export that nobody touched', () => {
  it('holds, down to the passkeys that signed and the image that was deployed', () => {
    const found = verified(dir, '--key', key)
    expect(found).toMatchObject({
      exit: 0,
      verdict: 'ok',
      entries: size(),
      anchored: size(),
      signoffs: 2,
      signed: 2,
      deployments: 1,
      signedOff: 1,
      first: null,
      problems: [],
    })
    expect(found.checkpoints).toBe(sizes(dir).length)
    const words = inWords(dir)
    expect(words.status).toBe(0)
    expect(words.stdout).toContain('OK: nothing was changed, and nothing is missing.')
    expect(words.stdout).toContain('NOT compared with one that you keep')
  })

  it('is the exact bytes that are chained in the database', async () => {
    const leaves = await trail.leaves()
    expect(linesOf(dir)).toEqual(leaves.map((l) => l.body.toString('utf8')))
  })

  it('says the same as a zip and as a folder, whole and tampered with', async () => {
    const zip = join(folder(), 'export.zip')
    await packed(await zipBox(zip), (pack) => exportTrail(trail.record.pool, aboutOf(trail), pack))
    expect(verified(zip, '--key', key)).toEqual(verified(dir, '--key', key))
    const bytes = readFileSync(zip)
    for (const [what, cut] of [
      ['the list of files', bytes.length - 30],
      ['half of it', bytes.length / 2],
    ] as const) {
      writeFileSync(`${zip}.cut`, bytes.subarray(0, cut))
      expect({ what, ...verified(`${zip}.cut`) }).toMatchObject({ what, exit: 2, verdict: 'incomplete' })
    }
    writeFileSync(`${zip}.not`, 'this is no zip')
    expect(verified(`${zip}.not`).exit).toBe(2)
  })

  it('refuses arguments that it does not know with another exit than its verdicts', () => {
    expect(inWords(dir, '--nonsense').status).toBe(64)
    expect(inWords('').status).not.toBe(0)
    expect(verified(join(dir, 'nowhere')).exit).toBe(2)
  })
})

/** Each is done to the entries, with a new manifest; what is named is the first bad one. */
describe('the twelve kinds of tampering are found, and the first bad entry is named', () => {
  const k = 13
  const named = (copy: string, seq: number, check = 'chain') => {
    const found = verified(copy, '--key', key)
    expect(found).toMatchObject({ exit: 1, verdict: 'tampered', first: { seq, check } })
    expect(inWords(copy).stdout).toContain(`The first bad entry is ${seq}.`)
    return found
  }
  const because = (line: string | undefined, text: string) => written({ ...read(line), because: text })

  it('1: a byte of an entry is edited', () => {
    named(
      withLines(dir, (l) => l.with(k, because(l[k], 'the 13th!'))),
      k,
    )
    // Whatever byte it is, its own link included.
    const line = linesOf(dir)[k] ?? ''
    for (const at of [
      0,
      line.indexOf('"prev":"') + 10,
      line.indexOf('"seq":') + 6,
      line.indexOf('"origin"') + 15,
      line.length - 1,
    ])
      named(
        withLines(dir, (l) => l.with(k, `${line.slice(0, at)}${line[at] === '7' ? '6' : '7'}${line.slice(at + 1)}`)),
        k,
      )
  })
  it('2: the time of an entry is edited', () => {
    named(
      withLines(dir, (l) => l.with(k, written({ ...read(l[k]), at: '2026-01-01T00:00:00.000Z' }))),
      k,
    )
  })
  it('3: an entry in the middle is deleted', () => {
    named(
      withLines(dir, (l) => l.toSpliced(k, 1)),
      k,
    )
  })
  it('4: the tail is deleted', () => {
    named(
      withLines(dir, (l) => l.slice(0, -3)),
      size() - 3,
    )
  })
  it('5: an entry is inserted', () => {
    const forged = (l: string[]) =>
      written({ ...read(l[k]), because: 'forged', prev: leafHash(Buffer.from(l[k - 1] ?? '')).toString('hex') })
    named(
      withLines(dir, (l) => l.toSpliced(k, 0, forged(l))),
      k,
    )
    named(
      withLines(dir, (l) => l.toSpliced(k, 0, because(l[3], 'forged'))),
      k,
    )
  })
  it('6: two entries change places', () => {
    named(
      withLines(dir, (l) => l.with(k, l[k + 1] ?? '').with(k + 1, l[k] ?? '')),
      k,
    )
  })
  it('7: an entry stands there twice', () => {
    named(
      withLines(dir, (l) => l.toSpliced(k, 0, l[k] ?? '')),
      k,
    )
  })
  it('8: the trail is cut off and grown anew, chained as it should be', () => {
    const [last = 0, before = 0] = sizes(dir).reverse()
    const copy = withLines(dir, (l) =>
      rechained([...l.slice(0, before), ...l.slice(before).map((line) => because(line, 'another story'))], before),
    )
    const found = named(copy, before, 'checkpoints')
    expect(found.first?.upTo).toBe(last - 1)
  })
  it('9: an entry is changed and everything after it chained anew', () => {
    const [first = 0, second = 0] = sizes(dir)
    const found = named(
      withLines(dir, (l) => rechained(l.with(first, because(l[first], 'never')), first)),
      first,
      'checkpoints',
    )
    expect(found.first?.upTo).toBe(second - 1)
  })
  it('10: a checkpoint is replaced', () => {
    const root = Buffer.alloc(32, 7).toString('base64')
    const copy = withFile(dir, 'checkpoints.txt', (text) => text.replace(/^(.*\n20\n).*$/m, `$1${root}`))
    const found = verified(copy)
    expect(found).toMatchObject({
      exit: 1,
      problems: [{ check: 'checkpoints', text: 'the checkpoint of size 20 has a signature that does not hold' }],
    })
    // By somebody with a key of their own.
    const mine = generateKeyPairSync('ed25519')
    const signer = { publicKey: mine.publicKey, sign: (bytes: Uint8Array) => sign(null, bytes, mine.privateKey) }
    const forged = noteOf({ origin: trail.origin, size: 20, root: Buffer.alloc(32, 7) }, signer)
    const other = withFile(dir, 'checkpoints.txt', (text) => text.replace(notesOf(text)[1] ?? '', forged))
    expect(verified(other).problems[0]).toMatchObject({
      check: 'checkpoints',
      text: 'the checkpoint of size 20 is not signed with a key of keys.json',
    })
  })
  it('11: the key is replaced, and all checkpoints signed anew with it', () => {
    const mine = generateKeyPairSync('ed25519')
    const signer = { publicKey: mine.publicKey, sign: (bytes: Uint8Array) => sign(null, bytes, mine.privateKey) }
    const theirs = rawKey(mine.publicKey).toString('base64')
    const keysOnly = withFile(dir, 'keys.json', (text) => text.replace(key, theirs))
    expect(verified(keysOnly).problems[0]?.check).toBe('checkpoints')
    const copy = withFile(keysOnly, 'checkpoints.txt', (text) =>
      notesOf(text)
        .map((note) => readNote(note))
        .map((head) => (head === null ? '' : `${noteOf(head, signer)}\n`))
        .join(''),
    )
    expect(verified(copy, '--key', key)).toMatchObject({
      exit: 1,
      problems: expect.arrayContaining([expect.objectContaining({ check: 'keys' })]),
    })
    // Without a key of one's own it is the passkeys' certificates in the trail that give it away.
    expect(verified(copy)).toMatchObject({ exit: 1, first: { check: 'sign-offs' } })
  })
  it('12: entries of another installation stand among them', async () => {
    const other = await given()
    await other.record.pool.query(`UPDATE "Installation" SET origin = 'shiplock/elsewhere'`)
    await other.tells(30)
    const theirs = (await other.leaves()).map((leaf) => leaf.body.toString('utf8'))
    named(
      withLines(dir, (l) => l.with(k, theirs[k] ?? '')),
      k,
    )
    named(
      withLines(dir, (l) => [...l.slice(0, k), ...theirs.slice(k)]),
      k,
    )
  })

  it('every single byte of an entry counts', () => {
    const line = linesOf(dir)[k] ?? ''
    let seed = 20261121
    const random = () => {
      seed = (seed * 48271) % 2147483647
      return seed / 2147483647
    }
    for (let round = 0; round < 15; round++) {
      const at = Math.floor(random() * line.length)
      const to = String.fromCharCode(33 + Math.floor(random() * 90))
      if (line[at] === to) continue
      const copy = withLines(dir, (l) => l.with(k, line.slice(0, at) + to + line.slice(at + 1)))
      const found = verified(copy)
      expect({ at, to, exit: found.exit, seq: found.first?.seq }).toEqual({ at, to, exit: 1, seq: k })
    }
  })
})

describe('what is missing is said, and is not ok', () => {
  it('entries that no checkpoint signs are named as not anchored', async () => {
    const loose = await given()
    await loose.tells(5)
    await loose.worker().signs()
    await loose.tells(3)
    const leaves = await loose.leaves()
    const copy = withLines(await exported(loose), () => leaves.map((l) => l.body.toString()))
    expect(verified(copy)).toMatchObject({
      exit: 2,
      verdict: 'incomplete',
      anchored: 5,
      problems: [
        { check: 'checkpoints', seq: 5, upTo: 7, text: 'entries 5 to 7 are not anchored: no checkpoint signs them' },
      ],
    })
    expect(inWords(copy).stdout).toContain('INCOMPLETE')
  })
  it.each(['events.ndjson', 'checkpoints.txt', 'keys.json', 'names.ndjson', 'MANIFEST.sha256'])('%s', (name) => {
    const copy = copyOf(dir)
    unlinkSync(join(copy, name))
    expect(verified(copy)).toMatchObject({ exit: 2, problems: [{ check: 'files', text: `${name} is missing` }] })
  })
  it('the statement of a sign-off, or its signature', () => {
    for (const end of ['statement', 'assertion']) {
      const copy = copyOf(dir)
      unlinkSync(join(copy, `signoffs/${release.answers[0]?.hash}.${end}.json`))
      manifestAnew(copy)
      expect({ end, ...verified(copy) }).toMatchObject({ end, exit: end === 'statement' ? 1 : 2 })
      expect(verified(copy).problems.some((p) => p.verdict === 'incomplete' && p.check === 'sign-offs')).toBe(true)
    }
  })
  it('a file that was cut off', () => {
    const copy = copyOf(dir)
    truncateSync(join(copy, 'events.ndjson'), statSync(join(copy, 'events.ndjson')).size - 40)
    const found = verified(copy)
    expect(found).toMatchObject({ exit: 1, first: { seq: size() - 1 } })
    expect(found.problems).toContainEqual(expect.objectContaining({ check: 'manifest' }))
  })
  it('a file that is no longer the one of the manifest, or stands in none', () => {
    const copy = copyOf(dir)
    writeFileSync(
      join(copy, 'names.ndjson'),
      `${readFileSync(join(copy, 'names.ndjson'), 'utf8')}`.replace('Mia', 'Eve'),
    )
    writeFileSync(join(copy, 'extra.txt'), 'x')
    expect(
      verified(copy)
        .problems.map((p) => `${p.check}: ${p.text}`)
        .sort(),
    ).toEqual([
      'manifest: extra.txt is not in MANIFEST.sha256',
      'manifest: names.ndjson is another file than in MANIFEST.sha256',
      'names: one is not the name that the trail means',
    ])
  })
})

describe('a sign-off is checked against the trail alone', () => {
  /** One trail for each: what is wrong stands in it, chained and signed as it should be. */
  async function bad(write: (trail: GivenTrail, given: GivenRelease) => Promise<void>) {
    const its = await given()
    const made = await givenRelease(its)
    await write(its, made)
    await its.worker().signs()
    return verified(await exported(its))
  }
  const told = async (found: Promise<Awaited<ReturnType<typeof bad>>>) => {
    const { exit, first } = await found
    expect(exit).toBe(1)
    return first?.text ?? ''
  }

  it.each([
    [
      'made on another page',
      { lies: { origin: 'https://evil.example' } },
      'signed on another page: https://evil.example',
    ],
    ['made inside another page', { lies: { crossOrigin: true } }, 'inside another page'],
    ['made for another site', { lies: { rpId: 'evil.example' } }, 'for another site'],
    ['made by nobody', { lies: { up: false } }, 'did not verify who touched it'],
    ['made without asking who it is', { lies: { uv: false } }, 'did not verify who touched it'],
    ['of a key that claims a backup it cannot have', { lies: { backedUp: true } }, 'did not verify who touched it'],
    ['of something else', { lies: { bogusSignature: true } }, 'its signature does not hold'],
    ['that was made when registering', { lies: { type: 'webauthn.create' } }, 'for other content'],
    ['that answers another challenge', { lies: { challenge: 'AAAA' } }, 'for other content'],
    ['with bytes behind it', { lies: { der: 'junk' } }, 'its signature does not hold'],
  ] as const)('a signature %s', async (_name, over, text) => {
    expect(await told(bad(async (its, made) => void (await gives(its, made, made.people.omar, over))))).toContain(text)
  })

  it('a passkey that was never admitted, or was removed before', async () => {
    const passkey = SoftPasskey.make()
    expect(
      await told(
        bad(async (its, made) => {
          await gives(its, made, made.people.omar, { passkey })
          // The row of the key stands in the database; no worker ever admitted it.
          await its.tamper(`UPDATE "Approval" SET "passkeyId" = 1`)
        }),
      ),
    ).toContain('its passkey was not admitted before')
    expect(
      await told(
        bad(async (its, made) => {
          await its.record.pool.query(
            `SELECT audit_append('passkey.remove', 'account:2', 'Omar Said', NULL, 'passkey', 2, NULL, 'admitted', 'removed', '', jsonb_build_object('credential', $1::text))`,
            [made.people.omar.passkey.credentialId],
          )
          await gives(its, made, made.people.omar)
        }),
      ),
    ).toContain('had been removed')
  })

  it('a passkey of somebody else', async () => {
    const found = bad(
      async (its, made) => void (await gives(its, made, made.people.omar, { passkey: made.people.noor.passkey })),
    )
    expect(await told(found)).toContain('not admitted before for who gave it')
  })

  it('somebody who had a hand in the change', async () => {
    const found = bad(
      async (its, made) => void (await gives(its, made, made.people.omar, { excluded: [made.people.omar.accountId] })),
    )
    expect(await told(found)).toContain('who gave it had a hand in it')
  })

  it('a passkey that a forged entry admits, without a certificate of the trail', async () => {
    const found = bad(async (its) => {
      await its.record.pool.query(
        `SELECT audit_append('passkey.admit', 'worker:w1', 'w1', NULL, 'passkey', 9, NULL, 'proposed', 'admitted', '', $1::jsonb)`,
        [
          JSON.stringify({
            account: 2,
            credential: 'AAAA',
            roles: ['ops'],
            spki: 'AAAA',
            alg: -7,
            certificate: 'AAAA',
          }),
        ],
      )
    })
    expect(await told(found)).toContain('has no certificate')
  })

  it('another image than the one that was signed off', async () => {
    const found = bad(async (its, made) => {
      const answers = [await gives(its, made, made.people.noor), await gives(its, made, made.people.omar)]
      await deploys(its, made, answers, `sha256:${'00'.repeat(32)}`)
    })
    expect(await told(found)).toContain(`sha256:${'00'.repeat(32)} runs, and `)
  })

  it('an answer that is used twice, or was taken back', async () => {
    const uses = (its: GivenTrail, hash: string, event: string, after: string) =>
      its.record.pool.query(
        `SELECT audit_append('approval.' || $2, 'worker:w1', 'w1', NULL, 'approval', 1, NULL, 'given', $3, '', jsonb_build_object('hash', $1::text))`,
        [hash, event, after],
      )
    const twice = bad(async (its, made) => {
      const { hash } = await gives(its, made, made.people.omar)
      await uses(its, hash, 'use', 'used')
      await uses(its, hash, 'use', 'used')
    })
    expect(await told(twice)).toContain('what it uses was used already')
    const back = bad(async (its, made) => {
      const { hash } = await gives(its, made, made.people.omar)
      await uses(its, hash, 'withdraw', 'withdrawn')
      await uses(its, hash, 'use', 'used')
    })
    expect(await told(back)).toContain('what it uses was withdrawn already')
  })

  it('a statement that was exchanged, and a signature that was', () => {
    const [first, second] = release.answers
    const other = readFileSync(join(dir, `signoffs/${second?.hash}.statement.json`), 'utf8')
    const statement = withFile(dir, `signoffs/${first?.hash}.statement.json`, () => other)
    expect(verified(statement).first?.text).toContain('not the one that was agreed to')
    const theirs = readFileSync(join(dir, `signoffs/${second?.hash}.assertion.json`), 'utf8')
    const assertion = withFile(dir, `signoffs/${first?.hash}.assertion.json`, () => theirs)
    expect(verified(assertion).first?.text).toContain('its signature is for other content')
  })

  it("an address that one gives takes the place of the export's own", () => {
    expect(verified(dir, '--origin', PAGE).exit).toBe(0)
    expect(verified(dir, '--origin', 'https://elsewhere.example').first?.text).toContain('signed on another page')
  })
})

describe('an export while the trail grows', () => {
  it('is one moment: it holds, ends at a checkpoint, and has no secret in it', async () => {
    const its = await given()
    const canary = 'canary-7f3a9c'
    await its.record.pool.query(`INSERT INTO "Account" (name, role, "passwordHash") VALUES ('canary', 'viewer', $1)`, [
      canary,
    ])
    await givenDeployed(its)
    let stop = false
    const writers = Promise.all(
      [1, 2, 3].map(async () => {
        while (!stop) await its.tells(3)
      }),
    )
    const signs = (async () => {
      while (!stop) await its.worker().signs()
    })()
    const exports: string[] = []
    try {
      for (let round = 0; round < 6; round++) exports.push(await exported(its))
    } finally {
      stop = true
      await Promise.all([writers, signs])
    }
    const grown = exports.map((each) => {
      const found = verified(each)
      expect(found).toMatchObject({ exit: 0, problems: [] })
      expect(sizes(each).at(-1)).toBe(found.entries)
      for (const name of filesOf(each)) expect(readFileSync(join(each, name)).includes(canary)).toBe(false)
      return found.entries
    })
    expect(grown.at(-1)).toBeGreaterThan(grown[0] ?? 0)
  })

  it('is refused while nothing is signed yet, and leaves nothing behind', async () => {
    const its = await given()
    await its.tells(1, MIA)
    const to = join(home, 'none')
    await expect(
      packed(await folderBox(to), (pack) => exportTrail(its.record.pool, aboutOf(its), pack)),
    ).rejects.toThrow('the trail has no checkpoint yet')
    expect(existsSync(to)).toBe(false)
  })
})

it('the tree of the verifier is the tree of the signer at every size', async () => {
  const its = await given()
  await its.tells(33)
  const frontier = new Frontier()
  const bodies = await its.leaves()
  const signer = { publicKey: its.publicKey, sign: (bytes: Uint8Array) => its.signer.sign(bytes) }
  const notes = bodies.map(({ body }) => {
    const { size: at } = frontier.append(leafHash(body))
    return `${noteOf({ origin: its.origin, size: at, root: frontier.root() }, signer)}\n`
  })
  await its.worker().signs()
  const copy = withFile(await exported(its), 'checkpoints.txt', () => notes.join(''))
  expect(verified(copy)).toMatchObject({ exit: 0, checkpoints: 33, anchored: 33 })
})
