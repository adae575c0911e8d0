import { readdirSync, readFileSync } from 'node:fs'

export interface Process {
  pid: number
  parent: number
  args: string
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
        return args === '' ? [] : [{ pid: Number(name), parent, args }]
      } catch {
        return [] // it ended while we looked
      }
    })
}
