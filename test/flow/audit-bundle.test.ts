import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleRelease } from '../../audit/bundle'
import { rawKey } from '../../audit/checkpoint'
import { folderBox, packed, zipBox } from '../../audit/packing'
import { byShell, copyOf, filesOf, folder, manifestAnew, verified, withFile } from './given-export'
import { aboutOf, deploys, type GivenRelease, givenDeployed, givenRelease, gives } from './given-release'
import { type GivenTrail, givenTrail } from './given-trail'

let home: string
let trail: GivenTrail
let release: Awaited<ReturnType<typeof givenDeployed>>
let dir: string
let key: string
const trails: GivenTrail[] = []

async function given(): Promise<GivenTrail> {
  const made = await givenTrail({ connections: 4 })
  trails.push(made)
  return made
}

async function bundled(of: GivenTrail, releaseId: number): Promise<string> {
  const to = join(mkdtempSync(join(home, 'b')), 'bundle')
  await packed(await folderBox(to), (pack) => bundleRelease(of.record.pool, releaseId, aboutOf(of), pack))
  return to
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'shiplock-bundles-'))
  trail = await given()
  await trail.tells(21)
  release = await givenDeployed(trail)
  await trail.tells(12)
  await trail.worker().signs()
  dir = await bundled(trail, release.releaseId)
  key = rawKey(trail.publicKey).toString('base64')
}, 60_000)
afterAll(async () => {
  for (const each of trails) await each.end()
  rmSync(home, { recursive: true, force: true })
})

describe('the bundle of one release', () => {
  it('is verified by two programs that have nothing in common', () => {
    expect(verified(dir, '--key', key)).toMatchObject({
      exit: 0,
      verdict: 'ok',
      signoffs: 2,
      signed: 2,
      deployments: 1,
      signedOff: 1,
      problems: [],
    })
    const shell = byShell(dir, key)
    expect(shell.stderr).toBe('')
    expect(shell.stdout).toMatch(/^OK: \d+ entries of shiplock\/.*, 1 deployment\(s\) of what was signed off\.\n$/)
    expect(shell.status).toBe(0)
  })

  it('holds the entries of this release and its keys, and nothing of the rest', () => {
    const kinds = filesOf(dir)
      .filter((name) => /^entries\/.*\.json$/.test(name))
      .sort((a, b) => Number(a.slice(8, -5)) - Number(b.slice(8, -5)))
      .map((name) => (JSON.parse(readFileSync(join(dir, name), 'utf8')) as { kind: string }).kind)
    expect(kinds).toEqual([
      'release.cut',
      'promotion.request',
      'passkey.admit',
      'passkey.admit',
      'approval.give',
      'approval.give',
      'promotion.admit',
      'promotion.claim',
      'approval.use',
      'approval.use',
      'promotion.observe',
      'promotion.pass',
    ])
  })

  it('says the same as a zip', async () => {
    const zip = join(folder(), 'bundle.zip')
    await packed(await zipBox(zip), (pack) => bundleRelease(trail.record.pool, release.releaseId, aboutOf(trail), pack))
    expect(verified(zip, '--key', key)).toEqual(verified(dir, '--key', key))
  })

  it('keys of other kinds sign as well, and both programs know them', async () => {
    const its = await given()
    const made = await givenRelease(its)
    const { enrolled } = await import('../passkeys')
    const answers = []
    for (const [who, kind] of [
      ['noor', 'EdDSA'],
      ['omar', 'RS256'],
    ] as const) {
      const person = made.people[who]
      const passkey = await enrolled(its.record, its.signer, person.accountId, [person.role], kind)
      answers.push(await gives(its, made, person, { passkey }))
    }
    await deploys(its, made, answers)
    const bundle = await bundled(its, made.releaseId)
    expect(verified(bundle)).toMatchObject({ exit: 0, signed: 2 })
    expect(byShell(bundle).stdout).toContain('OK')
  })

  it('is refused for a record that is not what was signed', async () => {
    const its = await given()
    const made = await givenDeployed(its)
    await its.tamper('UPDATE "AuditLeaf" SET leaf = sha256(leaf) WHERE seq = 1')
    await expect(bundled(its, made.releaseId)).rejects.toThrow('is not in the trail that was signed')
    await expect(bundled(its, 999)).rejects.toThrow('there is no release #999')
  })
})

/** Each is one thing that only a forger does; the manifest is made anew, so that it is not the manifest that tells. */
describe('both programs refuse', () => {
  const both = (copy: string, ...pinned: string[]) => {
    const node = verified(copy, ...(pinned.length > 0 ? ['--key', ...pinned] : []))
    const shell = byShell(copy, ...pinned)
    return { node: node.exit, shell: shell.status, because: [...node.problems.map((p) => p.text), shell.stdout] }
  }
  /** In a trail of its own, chained and signed as it should be. */
  async function written(write: (its: GivenTrail, made: GivenRelease) => Promise<void>) {
    const its = await given()
    const made = await givenRelease(its)
    await write(its, made)
    await its.worker().signs()
    return both(await bundled(its, made.releaseId))
  }
  const tampered = { node: 1, shell: 1 }

  it('another key than the one that somebody keeps', () => {
    expect(both(dir, Buffer.alloc(32, 1).toString('base64'))).toMatchObject(tampered)
  })
  it('a statement, an assertion, an entry, a proof or a checkpoint that was changed', () => {
    const names = filesOf(dir)
    const pick = (end: RegExp) => names.find((n) => end.test(n)) ?? ''
    for (const name of [pick(/statement\.json$/), pick(/^entries\/.*\.json$/)])
      expect({ name, ...both(withFile(dir, name, (t) => t.replace('shiplock', 'shiplocc'))) }).toMatchObject({
        name,
        ...tampered,
      })
    const swapped = (t: string) =>
      t.replace(/[A-Za-z0-9]{6}(?=[A-Za-z0-9+/=_-]{3}["\n])/, (six) => [...six].reverse().join(''))
    for (const name of [pick(/assertion\.json$/), pick(/\.tlog-proof$/), 'checkpoint.txt', 'keys.json'])
      expect({ name, ...both(withFile(dir, name, swapped)) }).toMatchObject({ name, ...tampered })
  })
  it('an image that nobody signed off', async () => {
    const found = await written(async (its, made) => {
      const answers = [await gives(its, made, made.people.noor), await gives(its, made, made.people.omar)]
      await deploys(its, made, answers, `sha256:${'00'.repeat(32)}`)
    })
    expect(found).toMatchObject(tampered)
    expect(found.because.join('\n')).toMatch(/runs, and [\s\S]*runs, and another image was signed off/)
  })
  it.each([
    ['a page of another origin', { lies: { origin: 'https://evil.example' } }],
    ['another site', { lies: { rpId: 'evil.example' } }],
    ['a page inside another page', { lies: { crossOrigin: true } }],
    ['a page inside a page that says so otherwise', { lies: { topOrigin: 'https://evil.example' } }],
    ['no user verification', { lies: { uv: false } }],
    ['no touch', { lies: { up: false } }],
    ['another challenge', { lies: { challenge: 'AAAA' } }],
    ['another signature', { lies: { bogusSignature: true } }],
    ['another form of the signature', { lies: { der: 'padded' } }],
    ['a registration', { lies: { type: 'webauthn.create' } }],
  ] as const)('a sign-off with %s', async (_name, over) => {
    expect(await written(async (its, made) => void (await gives(its, made, made.people.omar, over)))).toMatchObject(
      tampered,
    )
  })
  it('a sign-off by who had a hand in it', async () => {
    const { node, shell } = await written(
      async (its, made) => void (await gives(its, made, made.people.omar, { excluded: [made.people.omar.accountId] })),
    )
    expect({ node, shell }).toEqual(tampered)
  })
  it('an answer that is used twice', async () => {
    const found = await written(async (its, made) => {
      const { hash, approvalId } = await gives(its, made, made.people.omar)
      for (let i = 0; i < 2; i++)
        await its.record.pool.query(
          `SELECT audit_append('approval.use', 'worker:w1', 'w1', NULL, 'approval', $2, NULL, 'given', 'used', '', jsonb_build_object('hash', $1::text))`,
          [hash, approvalId],
        )
    })
    expect(found).toMatchObject(tampered)
  })
  it('a passkey that a removal came before', async () => {
    const found = await written(async (its, made) => {
      await its.record.pool.query(
        `SELECT audit_append('passkey.remove', 'account:2', 'Omar Said', NULL, 'passkey', p.id, NULL, 'admitted', 'removed', '', jsonb_build_object('credential', p."credentialId"))
         FROM "Passkey" p WHERE p."credentialId" = $1`,
        [made.people.omar.passkey.credentialId],
      )
      await gives(its, made, made.people.omar)
    })
    expect(found).toMatchObject(tampered)
  })
  it('and say of what is missing that it is missing', () => {
    const without = (name: string) => {
      const copy = copyOf(dir)
      unlinkSync(join(copy, name))
      if (name !== 'MANIFEST.sha256') manifestAnew(copy)
      return both(copy)
    }
    for (const name of ['checkpoint.txt', 'keys.json', 'MANIFEST.sha256'])
      if (name !== 'checkpoint.txt') expect({ name, ...without(name) }).toMatchObject({ name, node: 2, shell: 2 })
    expect(without(`signoffs/${release.answers[0]?.hash}.assertion.json`)).toMatchObject({ node: 2, shell: 2 })
  })
})

/** SHIPLOCK_BUNDLES=1000 npx vitest run --project flow test/flow/audit-bundle.test.ts -t agree */
const ROUNDS = Number(process.env.SHIPLOCK_BUNDLES ?? 5)
const SEED = Number(process.env.SHIPLOCK_SEED ?? 20261121)

it(
  `both programs agree on ${ROUNDS} random good and bad bundles (seed ${SEED})`,
  () => {
    let seed = SEED
    const below = (n: number) => {
      seed = (seed * 48271) % 2147483647
      return seed % n
    }
    const names = filesOf(dir).sort()
    const pick = () => names[below(names.length)] ?? ''
    const MUTATIONS: Record<string, (copy: string) => string> = {
      nothing: () => '',
      'flip a bit': (copy) => {
        const name = pick()
        const bytes = readFileSync(join(copy, name))
        const at = below(bytes.length)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8))
        writeFileSync(join(copy, name), bytes)
        return `${name} at ${at}`
      },
      'another character': (copy) => {
        const name = pick()
        const text = readFileSync(join(copy, name), 'latin1')
        const at = below(text.length)
        writeFileSync(
          join(copy, name),
          text.slice(0, at) + String.fromCharCode(48 + below(74)) + text.slice(at + 1),
          'latin1',
        )
        return `${name} at ${at}`
      },
      'delete a file': (copy) => {
        const name = pick()
        unlinkSync(join(copy, name))
        return name
      },
      'cut a file': (copy) => {
        const name = pick()
        const bytes = readFileSync(join(copy, name))
        const to = below(bytes.length)
        writeFileSync(join(copy, name), bytes.subarray(0, to))
        return `${name} to ${to}`
      },
      'exchange two files': (copy) => {
        const like = names.filter((n) => /entries\/.*json|proof|assertion|statement/.test(n))
        const a = like[below(like.length)] ?? ''
        const same = like.filter(
          (n) => n !== a && dirname(n) === dirname(a) && n.split('.').at(-2) === a.split('.').at(-2),
        )
        const b = same[below(same.length)] ?? a
        renameSync(join(copy, a), join(copy, 'other'))
        if (a !== b) renameSync(join(copy, b), join(copy, a))
        renameSync(join(copy, 'other'), join(copy, a === b ? a : b))
        return `${a} and ${b}`
      },
      'an entry more': (copy) => {
        const entries = names.filter((n) => /^entries\/.*\.json$/.test(n))
        const from = entries[below(entries.length)] ?? ''
        const seq = below(60)
        mkdirSync(join(copy, 'entries'), { recursive: true })
        for (const end of ['json', 'tlog-proof'])
          writeFileSync(join(copy, `entries/${seq}.${end}`), readFileSync(join(dir, from.replace('json', end))))
        return `${from} as ${seq}`
      },
    }
    const kinds = Object.keys(MUTATIONS)
    const tally: Record<string, number> = {}
    const apart: object[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const copy = copyOf(dir)
      const kind = kinds[below(kinds.length)] ?? ''
      const what = MUTATIONS[kind]?.(copy)
      const anew = below(4) > 0
      if (anew) manifestAnew(copy)
      const node = verified(copy, '--key', key)
      const shell = byShell(copy, key)
      tally[`${node.verdict}`] = (tally[node.verdict] ?? 0) + 1
      if (node.exit !== shell.status)
        apart.push({
          round,
          kind,
          what,
          anew,
          node: node.problems.slice(0, 2),
          shell: `${shell.status} ${shell.stdout}${shell.stderr}`,
        })
      rmSync(copy, { recursive: true, force: true })
    }
    console.log(`${ROUNDS} bundles, seed ${SEED}: ${JSON.stringify(tally)}`)
    expect(apart).toEqual([])
    expect(tally.ok).toBeGreaterThan(0)
    expect(tally.tampered).toBeGreaterThan(0)
  },
  60_000 + ROUNDS * 6_000,
)
