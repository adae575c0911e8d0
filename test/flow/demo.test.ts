import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Docker from 'dockerode'
import { afterAll, describe, expect, it } from 'vitest'
import type { proveTheTrail } from '../../demo/audit'
import type { signOffs, summary } from '../../demo/summary'
import { type TrustClass, usableBy } from '../../pipelines/trust'
import { instanceId } from '../../prisma/seal'
import { eventually } from '../given'
import { processes } from '../processes'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
// A world of its own: a demo cleans up after every dead one it finds in the folder for temporary files.
const out = mkdtempSync(join(tmpdir(), 'shiplock-out-'))
chmodSync(out, 0o755)
afterAll(() => rmSync(out, { recursive: true }))

/** Starts the demo as a person would, in a process group of its own. */
function demo(...args: string[]): { process: ChildProcess; said: () => string; ended: Promise<number | null> } {
  const child = spawn('npm', ['run', '--silent', 'demo', '--', ...args], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', TMPDIR: out },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (said += chunk))
  return { process: child, said: () => said, ended: new Promise((resolve) => child.once('exit', resolve)) }
}

const folders = () => readdirSync(out).filter((name) => name.startsWith('shiplock-demo-'))
const processesWith = (text: string) => processes().filter((p) => p.args.includes(text) || p.env.includes(text))
const left = async (instance: string) => {
  const filters = { label: [`shiplock.instance=${instance}`] }
  const docker = new Docker()
  return [...(await docker.listContainers({ all: true, filters })), ...(await docker.listNetworks({ filters }))]
}

type Whole = Awaited<ReturnType<typeof summary>> & {
  audit: Awaited<ReturnType<typeof proveTheTrail>>
  signoff: Awaited<ReturnType<typeof signOffs>>
}

describe('npm run demo', () => {
  it('beside the leftovers of one that was killed, plays the whole story, and leaves nothing behind', async () => {
    const before = folders()
    const first = demo()
    const dir = await eventually(
      'the first demo has its folder',
      async () => folders().find((name) => !before.includes(name)),
      60_000,
    )
    const keys = join(out, dir, 'state', 'keys')
    await eventually('a stage of the first demo runs', async () => / run #1 /.test(first.said()), 120_000)
    const instance = instanceId(keys)
    process.kill(-Number(first.process.pid), 'SIGKILL')
    await first.ended

    const file = join(out, 'out.json')
    const second = demo('--exit', '--json', file)
    expect(await second.ended, second.said()).toBe(0)
    const told = JSON.parse(readFileSync(file, 'utf8'))
    const {
      runs,
      environments,
      first: release,
      builds,
      promotions,
      refused,
      tags,
      back_merges: back,
      audit,
      signoff,
    } = told as Whole
    expect(audit).toMatchObject({ verified: true, tampered_detected: true })
    expect(audit.entries).toBeGreaterThan(100)
    expect(signoff).toEqual({ verified_by_worker: true, signed: 4 })
    expect(runs.filter((r) => r.status !== 'succeeded').map((r) => [r.branch, r.status])).toEqual([
      ['fix_stuff', 'refused'],
    ])
    // 1.0 is one image, in both environments that ran it; test ran what develop built.
    expect(Object.keys(release.digests).sort()).toEqual(['prerelease', 'production'])
    expect(new Set(Object.values(release.digests)).size).toBe(1)
    for (const place of Object.values(environments)) {
      expect(place.observed).toBe(place.digest)
      expect(place.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    }
    // C2: an image for each tree and class that found none of its own or a higher class, and none twice.
    const needed: { tree: string | null; trust: TrustClass }[] = []
    for (const { tree, trust, stages } of runs)
      if (trust !== null && stages.some((s) => s.name === 'build'))
        if (!needed.some((n) => n.tree === tree && usableBy(trust).includes(n.trust))) needed.push({ tree, trust })
    expect(builds.map(({ tree, trust }) => ({ tree, trust }))).toEqual(needed)
    const ofRelease = builds.find((b) => b.trust === 'release')
    const ofDevelop = builds.find((b) => b.trust === 'develop' && b.tree === ofRelease?.tree)
    expect(ofDevelop?.digest).toMatch(/^sha256:/)
    expect(ofDevelop?.digest).not.toBe(ofRelease?.digest)
    expect(promotions.map((p) => p.status)).toEqual(promotions.map(() => 'verified'))
    expect(promotions.at(-1)).toMatchObject({ environment: 'production', kind: 'rollback' })
    expect(environments.production?.hold).toContain('startled')
    expect(refused).toHaveLength(3)
    for (const one of [...promotions, ...refused]) expect(one.because).toMatch(/./)
    expect(tags.map((t) => t.status)).toEqual(['made', 'made', 'made'])
    expect(back.map((b) => b.status)).toEqual(['unneeded', 'merged', 'opened'])

    expect(await left(instance)).toEqual([])
    expect(existsSync(join(out, dir))).toBe(false)
    expect(folders()).toEqual(before)
    await eventually('no process of either is left', async () => processesWith(out).length === 0, 60_000)
  }, 420_000)

  it('Ctrl-C in the middle stops everything and removes what it made', async () => {
    const before = folders()
    const running = demo()
    const dir = await eventually(
      'it has its folder',
      async () => folders().find((name) => !before.includes(name)),
      60_000,
    )
    await eventually('it is in the middle', async () => / run #1 /.test(running.said()), 120_000)
    const instance = instanceId(join(out, dir, 'state', 'keys'))
    process.kill(-Number(running.process.pid), 'SIGINT') // a terminal tells the whole group
    await running.ended
    await eventually('its folder is gone', async () => !folders().includes(dir), 60_000)
    expect(await left(instance)).toEqual([])
    await eventually('no process is left', async () => processesWith(dir).length === 0, 60_000)
  }, 240_000)
})
