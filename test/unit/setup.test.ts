import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { withFileLock } from '../../prisma/file-lock.mjs'
import { decide, NEEDS, refuseNode } from '../../scripts/setup-decide.mjs'
import { writeEngineSettings } from '../../scripts/setup-engine.mjs'

type Facts = Parameters<typeof decide>[1]

const packages = [
  'git',
  'busybox-static',
  'redis-server',
  'chromium',
  'chromium-headless-shell',
  'fonts-wqy-microhei',
  'iproute2',
  'postgresql-contrib',
]
const whole: Facts = {
  node: '20.20.0',
  modules: true,
  client: true,
  build: true,
  engine: 'answers',
  dockerHost: '',
  dockerd: true,
  packages: Object.fromEntries(packages.map((name) => [name, true])),
  apt: true,
  root: true,
  mac: false,
}
const without = (...names: string[]) => ({
  ...whole.packages,
  ...Object.fromEntries(names.map((name) => [name, false])),
})
const acts = (...decision: Parameters<typeof decide>) => decide(...decision).acts.map(({ act }) => act)
const commands = Object.keys(NEEDS) as (keyof typeof NEEDS)[]

describe('the set-up', () => {
  it.each(commands)('does nothing for %s where nothing is missing', (command) => {
    expect(decide(command, whole)).toEqual({ acts: [], sentences: [], missing: [] })
  })

  it('brings a bare Debian everything, npm packages first and the build last', () => {
    const bare: Facts = {
      ...whole,
      modules: false,
      client: false,
      build: false,
      engine: 'silent',
      dockerd: false,
      packages: {},
    }
    const { acts: all, sentences } = decide('bench', bare)
    expect(sentences).toEqual([])
    expect(all.map(({ act }) => act)).toEqual(['modules', 'apt', 'engine', 'client', 'build', 'optional'])
    expect(all[1]?.packages).toEqual([
      'git',
      'busybox-static',
      'redis-server',
      'chromium',
      'fonts-wqy-microhei',
      'iproute2',
      'docker.io',
    ])
  })

  it('brings no more than the command needs', () => {
    const bare: Facts = {
      ...whole,
      build: false,
      engine: 'silent',
      packages: without('chromium', 'redis-server', 'busybox-static'),
    }
    expect(acts('check', bare)).toEqual([])
    expect(acts('dev', bare)).toEqual(['engine'])
    expect(acts('start', bare)).toEqual(['engine', 'build'])
    expect(decide('demo', bare).acts[0]?.packages).toEqual(['busybox-static'])
  })

  it('only starts an engine that is installed', () => {
    expect(acts('start', { ...whole, engine: 'silent' })).toEqual(['engine'])
  })

  it('makes the client anew after the npm packages', () => {
    expect(acts('check', { ...whole, modules: false })).toEqual(['modules', 'client'])
  })

  it.each([
    ['bench', 'postgresql-contrib'],
    ['test', 'chromium-headless-shell'],
  ] as const)('never asks for what is optional, and never holds anybody up for it: %s, %s', (command, name) => {
    expect(decide(command, { ...whole, packages: without(name) })).toMatchObject({ sentences: [], missing: [] })
    expect(acts(command, { ...whole, packages: without(name) })).toEqual(['optional'])
    expect(acts(command, { ...whole, root: false, packages: without(name) })).toEqual([])
  })

  it.each<[string, Partial<Facts>, RegExp]>([
    ['the engine’s socket is closed to us', { engine: 'denied', root: false }, /usermod -aG docker/],
    [
      'another engine was named and does not answer',
      { engine: 'silent', dockerHost: 'tcp://10.0.0.1:2375' },
      /DOCKER_HOST=tcp:\/\/10\.0\.0\.1:2375/,
    ],
    ['only root may start the engine', { engine: 'silent', root: false }, /sudo systemctl start docker$/],
    [
      'only root may install the engine',
      { engine: 'silent', root: false, dockerd: false },
      /sudo apt-get install .* docker\.io/,
    ],
    ['this is no Debian', { engine: 'silent', dockerd: false, apt: false }, /docs\.docker\.com/],
    ['this is a Mac', { engine: 'silent', dockerd: false, apt: false, root: false, mac: true }, /open -a Docker/],
    [
      'only root may install packages',
      { root: false, packages: without('git') },
      /sudo apt-get install -y --no-install-recommends git/,
    ],
  ])('says in one sentence what to do by hand where %s', (_, facts, sentence) => {
    const { sentences } = decide('start', { ...whole, ...facts })
    expect(sentences).toEqual([expect.stringMatching(sentence)])
  })

  it.each([
    ['18.20.4', false],
    ['20.18.3', false],
    ['20.19.0', true],
    ['22.0.0', true],
  ])('takes Node %s: %s', (version, taken) => {
    expect(refuseNode(version) === null).toBe(taken)
  })
})

describe('a file lock', () => {
  const lock = () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'shiplock-lock-'))
    onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }))
    return path.join(dir, 'it.lock')
  }

  it('lets one at a time in, and leaves no file behind', async () => {
    const file = lock()
    let inside = 0
    let most = 0
    const visit = () =>
      withFileLock(file, async () => {
        most = Math.max(most, ++inside)
        await new Promise((resolve) => setImmediate(resolve))
        inside -= 1
      })
    await Promise.all(Array.from({ length: 5 }, visit))
    expect(most).toBe(1)
    expect(fs.readdirSync(path.dirname(file))).toEqual([])
  })

  it.each([
    ['whose owner is dead', { pid: 2 ** 22 + 1, born: '1', nonce: 'x' }],
    ['whose owner’s number belongs to another process by now', { pid: process.pid, born: '1', nonce: 'x' }],
  ])('is taken over from a process %s', async (_, owner) => {
    const file = lock()
    fs.writeFileSync(file, JSON.stringify(owner))
    expect(await withFileLock(file, async () => 'in')).toBe('in')
  })

  it('is not waited for without end', async () => {
    const file = lock()
    await withFileLock(file, async () => {
      await expect(withFileLock(file, async () => 'in', { timeoutMs: 100 })).rejects.toThrow(
        `held by process ${process.pid}`,
      )
    })
  })

  it('is free again after the work failed', async () => {
    const file = lock()
    await expect(withFileLock(file, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await withFileLock(file, async () => 'in')).toBe('in')
  })
})

it('an engine that is installed has room for many networks, and settings that somebody wrote are left alone', () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'shiplock-unit-'))
  onTestFinished(() => fs.rmSync(dir, { recursive: true }))
  const file = path.join(dir, 'docker', 'daemon.json')
  writeEngineSettings(file)
  expect(JSON.parse(fs.readFileSync(file, 'utf8'))['default-address-pools']).toContainEqual({
    base: '172.18.0.0/16',
    size: 24,
  })
  fs.writeFileSync(file, '{}')
  writeEngineSettings(file)
  expect(fs.readFileSync(file, 'utf8')).toBe('{}')
})
