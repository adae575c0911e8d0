// The trail is taken away and checked by a program that trusts nobody; then a copy is changed, to see that it is noticed.
import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { fileURLToPath } from 'node:url'
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import type { Client } from './client'
import { bad, faint, heading, say, sign, until } from './tell'

const VERIFIER = fileURLToPath(new URL('../audit/verify.mjs', import.meta.url))
const MINUTE = 60_000

interface Verdict {
  exit: number | null
  verdict: string
  entries: number
  problems: { text: string; seq: number | null; upTo: number | null }[]
}

/** As an auditor would, with nothing but the file and Node. */
function verify(file: string): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [VERIFIER, file, '--json'], { maxBuffer: 16_000_000 }, (error, stdout, stderr) => {
      const exit = error === null ? 0 : typeof error.code === 'number' ? error.code : null
      try {
        resolve({ ...(JSON.parse(stdout) as Omit<Verdict, 'exit'>), exit })
      } catch (cause) {
        reject(new Error(`the verifier said nothing that can be read: ${stderr || stdout}`, { cause }))
      }
    })
  })
}

async function download(client: Client, path: string, file: string) {
  const answer = await fetch(`${client.url}/api/v1${path}`, {
    headers: { authorization: `Bearer ${client.token}` },
    signal: AbortSignal.timeout(MINUTE),
  })
  if (!answer.ok || answer.body === null) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`)
  await pipeline(Readable.fromWeb(answer.body as ReadableStream), createWriteStream(file, { mode: 0o600 }))
}

/** A year later somebody wants another release to have been cut. */
async function tamper(file: string, copy: string): Promise<number> {
  const files = unzipSync(await readFile(file))
  const events = strFromU8(files['events.ndjson'] ?? new Uint8Array()).split('\n')
  const at = events.findIndex((line) => line.includes('"kind":"release.cut"'))
  if (at < 0) throw new Error('no release was cut')
  events[at] = (events[at] ?? '').replace('"kind":"release.cut"', '"kind":"release.put"')
  files['events.ndjson'] = strToU8(events.join('\n'))
  await writeFile(copy, zipSync(files))
  return at
}

/** @returns what was checked, for --json */
export async function proveTheTrail(client: Client, dir: string) {
  heading('An auditor takes the trail away, and checks it with one file of Node and no trust in Shiplock')
  const file = join(dir, 'trail.zip')
  const good = await until(
    () => 'the newest entries wait for a signed checkpoint',
    async () => {
      await download(client, '/trail/export', file)
      const verdict = await verify(file)
      if (verdict.exit === 1) throw new Error(`the trail does not verify: ${verdict.problems[0]?.text}`)
      return verdict.exit === 0 ? verdict : null
    },
    2 * MINUTE,
  )
  say(`${sign('succeeded')} ${good.entries} entries: chain, tree, signed checkpoints and sign-offs hold`)
  const copy = join(dir, 'tampered.zip')
  const at = await tamper(file, copy)
  const found = await verify(copy)
  const named = found.problems.find(({ seq, upTo }) => seq !== null && seq <= at && at <= (upTo ?? seq))
  if (found.exit !== 1 || named === undefined)
    throw new Error(`entry ${at} was changed, and the verifier did not name it`)
  say(
    `${sign('refused')} in a copy entry ${at} was changed: ${bad(found.verdict)}, exit ${found.exit}: ${faint(named.text)}`,
  )
  return { entries: good.entries, verified: true, tampered_detected: true }
}
