import { readdirSync, readFileSync } from 'node:fs'

export interface Process {
  pid: number
  parent: number
  args: string
  /** Its environment as it was started; empty where it belongs to another user. */
  env: string
}

/** Every process that lives now, read from /proc: not every machine has ps. Zombies have no arguments. */
export function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
        return args === '' ? [] : [{ pid: Number(name), parent, args, env: environOf(name) }]
      } catch {
        return [] // it ended while we looked
      }
    })
}

function environOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8')
  } catch {
    return '' // another user's
  }
}
