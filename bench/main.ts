// npm run bench: what DESIGN §12 aims at, as ratios against the bare thing in the same run. Arguments pick figures.
//   npm run bench                    all of them, and bench/results.md
//   npm run bench -- intake          one of them; results.md stays as it is
//   npm run bench -- intake --profile DIR    with a CPU profile of the web process
import os from 'node:os'
import { parseArgs } from 'node:util'
import { cleanLeftovers } from '../demo/leftovers'
import { ensureBusyboxBase } from '../scripts/base-image.mjs'
import { delivery } from './delivery'
import { firstContainer } from './first-container'
import { intake } from './intake'
import type { Figure } from './measure'
import { rest } from './rest'
import { machine, printFigures, writeResults } from './results'
import { trail } from './trail'
import { trailPage } from './trail-page'
import { verify } from './verify'
import { closeAll } from './world'

const DEADLINE_MS = 10 * 60_000
const { values: options, positionals } = parseArgs({ allowPositionals: true, options: { profile: { type: 'string' } } })
const FIGURES: Record<string, () => Promise<Figure>> = {
  intake: () => intake(options.profile),
  'first-container': firstContainer,
  delivery,
  rest,
  trail,
  'trail-page': trailPage,
  verify,
}

const wanted = positionals.length > 0 ? positionals : Object.keys(FIGURES)
const unknown = wanted.filter((name) => FIGURES[name] === undefined)
if (unknown.length > 0) {
  console.error(`There is no figure ${unknown.join(', ')}. There are: ${Object.keys(FIGURES).join(', ')}`)
  process.exit(2)
}

let stopping = false
/** What is up is taken down first. What a killed bench left behind is cleaned up by the next one, as a demo's is. */
async function stop(because: string) {
  if (stopping) return
  stopping = true
  console.error(because)
  await closeAll()
  process.exit(1)
}
setTimeout(() => void stop(`The bench did not end within ${DEADLINE_MS / 60_000} minutes.`), DEADLINE_MS).unref()
process.on('SIGINT', () => void stop('stopping'))
process.on('SIGTERM', () => void stop('stopping'))

await cleanLeftovers()
await ensureBusyboxBase()
const loadBefore = os.loadavg()[0] ?? 0
const begun = performance.now()
const figures: Figure[] = []
let failed = 0
for (const name of wanted) {
  const started = performance.now()
  try {
    const figure = await FIGURES[name]?.()
    if (figure !== undefined) figures.push(figure)
    console.log(`${name} took ${((performance.now() - started) / 1000).toFixed(0)} s`)
  } catch (error) {
    if (stopping) await new Promise(() => {}) // the stop ends the process
    failed += 1
    console.error(`${name} could not be measured:`, error)
  }
}
const facts = await machine(loadBefore)
printFigures(figures)
if (positionals.length === 0 && failed === 0) writeResults(figures, facts, performance.now() - begun)
process.exit(failed === 0 ? 0 : 1)
