// An export in a folder, and what a forger can do to it.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { canonical, type Json } from '../../audit/canonical'
import { type Body, readBody } from '../../audit/entry'
import { leafHash } from '../../audit/tree'

/** A stranger's machine knows nothing of ours. */
const NOTHING: NodeJS.ProcessEnv = { NODE_ENV: 'test' }
const VERIFIER = fileURLToPath(new URL('../../audit/verify.mjs', import.meta.url))
const SHELL = fileURLToPath(new URL('../../audit/verify-release.sh', import.meta.url))

export interface Finding {
  verdict: 'ok' | 'tampered' | 'incomplete'
  check: string
  text: string
  seq: number | null
  upTo: number | null
}
export interface Verdict {
  exit: number | null
  verdict: string
  entries: number
  anchored: number
  checkpoints: number
  signoffs: number
  signed: number
  deployments: number
  signedOff: number
  first: Finding | null
  problems: Finding[]
}

/** Runs the verifier as a stranger would: a process of its own, with nothing but the file. */
export function verified(path: string, ...flags: string[]): Verdict {
  const { status, stdout, stderr } = spawnSync(process.execPath, [VERIFIER, path, '--json', ...flags], {
    encoding: 'utf8',
    env: NOTHING,
    maxBuffer: 64e6,
  })
  if (!stdout.startsWith('{')) throw new Error(`the verifier ended with ${status}: ${stderr}`)
  return { ...(JSON.parse(stdout) as Verdict), exit: status }
}

/** The same verifier, in words. */
export const inWords = (path: string, ...flags: string[]) =>
  spawnSync(process.execPath, [VERIFIER, path, ...flags], { encoding: 'utf8', env: NOTHING })

/** The other verifier of a bundle: a shell and openssl. */
export const byShell = (dir: string, ...key: string[]) =>
  spawnSync('/bin/sh', [SHELL, dir, ...key], { encoding: 'utf8', env: { ...NOTHING, PATH: process.env.PATH } })

/** A folder of the test's own. */
export function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'shiplock-export-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

export function copyOf(dir: string): string {
  const copy = join(folder(), 'copy')
  cpSync(dir, copy, { recursive: true })
  return copy
}

export const filesOf = (dir: string, at = ''): string[] =>
  readdirSync(join(dir, at)).flatMap((name) => {
    const path = at === '' ? name : `${at}/${name}`
    return statSync(join(dir, path)).isDirectory() ? filesOf(dir, path) : [path]
  })

/** A forger who is not stupid makes the manifest anew. */
export function manifestAnew(dir: string) {
  const sums = filesOf(dir)
    .filter((name) => name !== 'MANIFEST.sha256')
    .sort()
    .map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(dir, name)))
          .digest('hex')}  ${name}\n`,
    )
  writeFileSync(join(dir, 'MANIFEST.sha256'), sums.join(''))
}

export const linesOf = (dir: string): string[] =>
  readFileSync(join(dir, 'events.ndjson'), 'utf8').split('\n').slice(0, -1)

/** Changes the entries of a copy of this export, with a new manifest. @returns the copy */
export function withLines(dir: string, change: (lines: string[]) => string[]): string {
  const copy = copyOf(dir)
  writeFileSync(
    join(copy, 'events.ndjson'),
    change(linesOf(copy))
      .map((line) => `${line}\n`)
      .join(''),
  )
  manifestAnew(copy)
  return copy
}

/** Changes any file of a copy, with a new manifest. @returns the copy */
export function withFile(dir: string, name: string, change: (text: string) => string): string {
  const copy = copyOf(dir)
  writeFileSync(join(copy, name), change(readFileSync(join(copy, name), 'utf8')))
  manifestAnew(copy)
  return copy
}

export const read = (line: string | undefined) => readBody(Buffer.from(line ?? '')) as Body
export const written = (body: Body) => canonical(body as unknown as Json)

/** Chains everything from `from` on anew, as somebody does who knows how the chain is made. */
export function rechained(lines: readonly string[], from: number): string[] {
  const all = lines.slice(0, from)
  for (const [i, line] of lines.slice(from).entries()) {
    const before = all.at(-1)
    const prev = before === undefined ? '' : leafHash(Buffer.from(before)).toString('hex')
    all.push(written({ ...read(line), seq: from + i, prev }))
  }
  return all
}
