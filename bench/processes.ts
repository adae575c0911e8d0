// Processes looked at from outside, by /proc: the CPU they used and the memory that is theirs. Linux only; elsewhere NaN.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** The process and everything that it started, as far as it still lives. */
export function family(root: number): number[] {
  const parents = new Map<number, number>()
  for (const name of existsSync('/proc') ? readdirSync('/proc') : []) {
    const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : null
    if (stat !== null) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
  }
  const found = [root]
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child)
  return found
}

/** A process may end while it is looked at. */
function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null // it has ended, or belongs to somebody else
  }
}

let tick = 0
/** CPU seconds used so far, children that were waited for included. */
export function cpuSeconds(pids: readonly number[]): number {
  tick ||= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  return pids.reduce((sum, pid) => {
    const stat = read(`/proc/${pid}/stat`)
    if (stat === null) return sum
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return sum + fields.slice(11, 15).reduce((ticks, field) => ticks + Number(field), 0) / tick
  }, 0)
}

/** Resident and proportional (shared pages divided among those who share them) bytes. */
export function memory(pids: readonly number[]): { rss: number; pss: number } {
  const sum = { rss: 0, pss: 0 }
  for (const pid of pids) {
    const rollup = read(`/proc/${pid}/smaps_rollup`) ?? ''
    sum.rss += Number(/^Rss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024
    sum.pss += Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024
  }
  return sum
}

/** The database server's first process. */
export const serverPid = (data: string) => Number.parseInt(readFileSync(`${data}/postmaster.pid`, 'utf8'), 10)
