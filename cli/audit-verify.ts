// shiplock audit verify: needs no record and no engine, and loads neither.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const VERIFIER = fileURLToPath(new URL('../audit/verify.mjs', import.meta.url))

/** A process of its own: what checks the trail shares nothing with what writes it. @returns its exit code */
export function verifyExport(file: string, flags: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [VERIFIER, ...flags, '--', file], { stdio: 'inherit' })
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 70))
  })
}
