// An export as a trail of this many entries gives it, without a database: chained, signed, and with sign-offs in it.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { canonical, type Json } from '../audit/canonical'
import { certify, passkeyClaim } from '../audit/certificate'
import { noteOf, rawKey } from '../audit/checkpoint'
import { keysFile } from '../audit/export'
import { folderBox, packed, zipBox } from '../audit/packing'
import { Frontier, leafHash } from '../audit/tree'
import { SoftPasskey } from '../demo/passkey'
import { bytesOf, challengeOf, type Statement, statementHash } from '../environments/statement'

const ORIGIN = 'shiplock/bench'
const PAGE = 'http://localhost:8080'
/** As a worker signs at the latest. */
const SIGNED_EACH = 256

interface Signed {
  hash: string
  statement: Buffer
  assertion: string
}

/** @returns the key to compare with, and the bytes of all entries */
export async function seedExport(
  to: string,
  size: number,
  signoffs: number,
): Promise<{ key: string; bytes: number; checkpoints: number }> {
  const pair = generateKeyPairSync('ed25519')
  const signer = { publicKey: pair.publicKey, sign: (bytes: Uint8Array) => sign(null, bytes, pair.privateKey) }
  const passkey = SoftPasskey.make()
  const frontier = new Frontier()
  const notes: string[] = []
  const signed: Signed[] = []
  let [prev, bytes] = ['', 0]
  const every = signoffs === 0 ? Number.POSITIVE_INFINITY : Math.floor((size - 1) / signoffs)

  const body = (seq: number): Buffer => {
    const common = {
      kind: 'run.pass',
      actor: 'worker:w1',
      subject: { id: 1 + (seq % 997), kind: 'run' },
      data: { ms: 1234, name: 'unit' } as Json,
    }
    let entry: typeof common = common
    if (seq === 0) entry = { ...common, kind: 'passkey.admit', data: admission(passkey, signer) }
    else if (seq % every === 0 && signed.length < signoffs) {
      const given = signoff(passkey, seq)
      signed.push(given)
      entry = {
        kind: 'approval.give',
        actor: 'account:1',
        subject: { id: seq, kind: 'promotion' },
        data: { approval: seq, credential: passkey.credentialId, decision: 'approve', hash: given.hash, role: 'ops' },
      }
    }
    const { actor, subject, kind, data } = entry
    return Buffer.from(
      canonical({
        actor: { id: actor, name: 'c'.repeat(64) },
        after: 'succeeded',
        at: '2026-11-21T10:00:00.000Z',
        because: 'the step exited 0',
        before: 'running',
        data,
        environment: null,
        kind,
        origin: ORIGIN,
        prev,
        project: 1,
        release: null,
        run: seq,
        seq,
        subject,
        v: 1,
        writer: 'worker',
      }),
    )
  }
  function* bodies() {
    for (let seq = 0; seq < size; seq++) {
      const entry = body(seq)
      const leaf = leafHash(entry)
      prev = leaf.toString('hex')
      bytes += entry.length + 1
      frontier.append(leaf)
      if (frontier.size % SIGNED_EACH === 0 || frontier.size === size)
        notes.push(`${noteOf({ origin: ORIGIN, size: frontier.size, root: frontier.root() }, signer)}\n`)
      yield Buffer.concat([entry, Buffer.from('\n')])
    }
  }

  const key = rawKey(pair.publicKey).toString('base64')
  await packed(to.endsWith('.zip') ? await zipBox(to) : await folderBox(to), async (pack) => {
    await pack.file('events.ndjson', bodies())
    await pack.file('checkpoints.txt', notes)
    await pack.file('keys.json', [
      keysFile({ origin: ORIGIN, keys: [{ publicKey: key, from: 0 }], webOrigins: [PAGE] }),
    ])
    await pack.file('names.ndjson', [nameOf('worker w1')])
    for (const { hash, statement, assertion } of signed) {
      await pack.file(`signoffs/${hash}.statement.json`, [statement])
      await pack.file(`signoffs/${hash}.assertion.json`, [assertion])
    }
  })
  return { key, bytes, checkpoints: notes.length }
}

function nameOf(name: string): string {
  const salt = randomBytes(16)
  const commitment = createHash('sha256').update(salt).update(name).digest('hex')
  return `${canonical({ commitment, name, salt: salt.toString('hex') })}\n`
}

function admission(passkey: SoftPasskey, signer: { sign(bytes: Uint8Array): Buffer }): Json {
  const { credentialId, spki, alg } = passkey
  const certificate = certify(signer, passkeyClaim({ accountId: 1, credentialId, spki, roles: ['ops'] }))
  return { account: 1, alg, certificate, credential: credentialId, roles: ['ops'], spki: spki.toString('base64') }
}

function signoff(passkey: SoftPasskey, promotion: number): Signed {
  const statement = bytesOf({
    v: 1,
    type: 'shiplock.signoff',
    origin: ORIGIN,
    decision: 'approve',
    reason: 'looked at it',
    bound: {
      project: { id: 1, path: 'team/hello' },
      environment: { id: 3, name: 'production' },
      promotion: { id: promotion, kind: 'onward', ask: 1 },
      release: { id: 1, tag: 'V1.0_202611211000', tree: 'a'.repeat(40) },
      digest: `sha256:${'a'.repeat(64)}`,
      size: 1,
      git: { repository: 1, commit: 'a'.repeat(40), branch: 'master' },
      build_sha256: 'a'.repeat(64),
      config_sha256: 'a'.repeat(64),
      tests_sha256: 'a'.repeat(64),
      merge_requests: [1],
      policy: { version: 1, sha256: 'a'.repeat(64) },
      previous_digest: null,
      excluded: { accounts: [2, 3], forge: ['9'] },
    },
    approver: { account: 1, forge: null, role: 'ops' },
    checkpoint: null,
    nonce: randomBytes(32).toString('base64url'),
    iat: '2026-11-21T09:59:00.000Z',
    exp: '2026-11-21T13:59:00.000Z',
  } satisfies Statement)
  const made = passkey.get({ rpId: 'localhost', origin: PAGE, challenge: challengeOf(statement) })
  return { hash: statementHash(statement), statement, assertion: `${canonical({ ...made })}\n` }
}
