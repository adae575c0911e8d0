// npm run check: what a machine can judge without a database or a container, side by side, in well under a minute.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = (file) => `node_modules/${file}`
/** Longest first: two cores, so two at a time. */
const CHECKS = [
  ['unit tests and import arrows', [bin('vitest/vitest.mjs'), 'run', '--project', 'unit', '--reporter', 'dot']],
  ['types', [bin('typescript/bin/tsc'), '-p', '.', '--noEmit']],
  ['migrations lead to the schema', ['--import', 'tsx', 'scripts/migrate-dev.mjs', 'drift']],
  ['nothing unused', [bin('knip/bin/knip.js'), '--no-progress', '--no-config-hints']],
  ['lint and format', [bin('@biomejs/biome/bin/biome'), 'check', '--max-diagnostics=30']],
]
const AT_ONCE = 2
const TIMEOUT_MS = 120_000

async function check([name, args]) {
  const begun = performance.now()
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const code = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', resolve)
  })
  const took = `${((performance.now() - begun) / 1000).toFixed(1)} s`
  console.log(code === 0 ? `✓ ${name} (${took})` : `✗ ${name} (${took})\n${output.trimEnd()}\n`)
  return code === 0
}

const waiting = [...CHECKS]
let failed = 0
async function lane() {
  for (let next = waiting.shift(); next; next = waiting.shift()) if (!(await check(next))) failed += 1
}
await Promise.all(Array.from({ length: AT_ONCE }, lane))
process.exitCode = failed > 0 ? 1 : 0
