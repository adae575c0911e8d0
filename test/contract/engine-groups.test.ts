import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, stat, utimes, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { makeBuildGroup, sweepBuildGroups } from '../../pipelines/engines/docker-cgroups'
import { eventually, instance, LIMITS } from './engine-orders'

// C7: the control groups of builds, on the engine's own machine, as root.

// Limits of a build are put in force by root alone; elsewhere the build says that they are not (engine-limits).
describe.skipIf(process.getuid?.() !== 0)('control groups that a killed worker left (as root)', () => {
  const version = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1
  const trees = (version === 2 ? [''] : ['memory/', 'pids/', 'cpu/']).map(
    (tree) => `/sys/fs/cgroup/${tree}docker/buildkit`,
  )
  const names = async () => (await Promise.all(trees.map((tree) => readdir(tree).catch(() => [] as string[])))).flat()
  const long = new Date(Date.now() - 120_000)

  it('C7: go when they are empty and long silent; a young one, one in use and one of others stay', async () => {
    const name = (of: string) => `shiplock-${of}-${randomUUID()}.invalid`
    const [left, young, used] = [name(instance), name(instance), name(instance)]
    const other = name(`${instance}-other`)
    const sleep = spawn('sleep', ['60'])
    try {
      for (const tree of trees) {
        for (const group of [left, young, used, other]) await mkdir(`${tree}/${group}`, { recursive: true })
        await writeFile(`${tree}/${used}/cgroup.procs`, String(sleep.pid))
        for (const group of [left, used, other]) await utimes(`${tree}/${group}`, long, long)
      }
      await sweepBuildGroups(version, instance)
      const there = new Set(await names())
      expect([left, young, used, other].map((group) => there.has(group))).toEqual([false, true, true, true])
    } finally {
      sleep.kill('SIGKILL')
      await eventually(async () => sleep.exitCode !== null || sleep.signalCode !== null, 5_000)
      for (const tree of trees)
        for (const group of [left, young, used, other]) await rmdir(`${tree}/${group}`).catch(() => {})
    }
  })

  it('C7: stay while their build goes on, also between two commands', async () => {
    const mark = `shiplock-${instance}-${randomUUID()}.invalid`
    const group = await makeBuildGroup(version, '/docker/buildkit/none', mark, LIMITS)
    try {
      for (const tree of trees) await utimes(`${tree}/${mark}`, long, long)
      expect(await eventually(async () => (await signs(mark)).every((at) => at > Date.now() - 30_000), 10_000)).toBe(
        true,
      )
      await sweepBuildGroups(version, instance)
      expect(await signs(mark)).toHaveLength(trees.length)
    } finally {
      await group.end()
    }
  })

  it('C7: are made again where one was removed under a build that goes on', async () => {
    const mark = `shiplock-${instance}-${randomUUID()}.invalid`
    const own = `own${randomUUID()}`
    const sleep = spawn('sleep', ['60'])
    const group = await makeBuildGroup(version, '/docker/buildkit/none', mark, { ...LIMITS, pids: 24 })
    try {
      for (const tree of trees) {
        await rmdir(`${tree}/${mark}`)
        await mkdir(`${tree}/${own}`)
        await writeFile(`${tree}/${own}/cgroup.procs`, String(sleep.pid))
      }
      expect(await group.take(own)).toBe(true)
      expect(await group.processes()).toEqual([String(sleep.pid)])
      const most = await Promise.all(trees.map((tree) => readFile(`${tree}/${mark}/pids.max`, 'utf8').catch(() => '')))
      expect(most.join('').trim()).toBe('24')
    } finally {
      sleep.kill('SIGKILL')
      await group.end()
      for (const tree of trees) await rmdir(`${tree}/${own}`).catch(() => {})
    }
  })

  const signs = (name: string) => Promise.all(trees.map(async (tree) => (await stat(`${tree}/${name}`)).mtimeMs))
})
