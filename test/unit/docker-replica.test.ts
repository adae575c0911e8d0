import { describe, expect, it } from 'vitest'
import {
  madeBy,
  markedName,
  networkName,
  replicaName,
  specOf,
  tellApart,
  unmarkedName,
} from '../../environments/targets/docker-replica'
import type { Deployment } from '../../environments/targets/target'

const OF: Deployment = {
  instance: 'main',
  project: 7,
  environment: 'test',
  service: 'hello',
  release: 3,
  promotion: 12,
  epoch: 2,
  digest: `sha256:${'a'.repeat(64)}`,
  commit: 'c',
  version: '1.0',
  replicas: 2,
  ports: [8085],
  healthcheck: null,
  env: { A: '1', B: '2' },
  limits: { memoryBytes: 1024 ** 3, cpus: 1, pids: 512 },
  monitor: 0,
}

describe('which containers serve', () => {
  const BY_ONE = { promotion: 1, epoch: 1 }
  const BY_TWO = { promotion: 2, epoch: 1 }
  const old = { ...BY_ONE, spec: 'a', halfMade: false, markedBy: null, createdAt: '2026-11-21T00:00:00.1Z' }
  const newer = { ...BY_TWO, spec: 'b', halfMade: false, markedBy: null, createdAt: '2026-11-21T00:00:00.2Z' }
  const starting = { ...BY_TWO, spec: 'c', halfMade: true, markedBy: null, createdAt: '2026-11-21T00:00:00.3Z' }

  it('never those that are half-made, however new', () => {
    expect(tellApart([starting, old])).toEqual({ serving: [old], halfMade: [starting], retired: [] })
  })

  it('those of the newest release that took over; the one before is retired', () => {
    expect(tellApart([old, starting, newer])).toEqual({ serving: [newer], halfMade: [starting], retired: [old] })
  })

  it('also a replica that was replaced alone, beside its older twin', () => {
    const twin = { ...newer, createdAt: '2026-11-22T00:00:00Z' }
    expect(tellApart([newer, twin]).serving).toHaveLength(2)
  })

  it('not one that was marked as replaced, of the same release though it is, nor one that is newer and marked', () => {
    const marked = { ...newer, ...BY_ONE, markedBy: BY_TWO }
    const later = { ...old, markedBy: BY_TWO, createdAt: '2026-11-22T00:00:00Z' }
    expect(tellApart([marked, newer])).toMatchObject({ serving: [newer], retired: [marked] })
    expect(tellApart([later, newer])).toMatchObject({ serving: [newer], retired: [later] })
  })

  it('also one that was marked by an attempt of which nothing has taken over', () => {
    const marked = { ...old, markedBy: BY_TWO }
    expect(tellApart([marked]).serving).toEqual([marked])
    expect(tellApart([marked, starting])).toMatchObject({ serving: [marked], halfMade: [starting], retired: [] })
  })

  it('and the attempt that made them is the latest among them', () => {
    expect(madeBy([])).toBe(null)
    const sets = [9, 10, 10].map((promotion, i) => ({ promotion, epoch: [7, 1, 2][i] ?? 0 }))
    expect(madeBy(sets)).toEqual({ promotion: 10, epoch: 2 })
  })

  it('a mark is taken off by its own end alone', () => {
    const name = markedName('sl-a-retired-1-1', { promotion: 12, epoch: 3 })
    expect(name).toBe('sl-a-retired-1-1-retired-12-3')
    expect(unmarkedName(name)).toBe('sl-a-retired-1-1')
  })
})

describe('what a replica is called', () => {
  it('says what it is', () => {
    expect(replicaName(OF, 1)).toBe('sl-main-hello-test-r3-12-2-1')
    expect(networkName(OF)).toBe('sl-main-p7-test')
  })

  it('two services never share a name, whatever letters or length they have', () => {
    const names = ['数据库', '缓存', 'A', 'a', 'x'.repeat(80), 'x'.repeat(81), 'a_b', 'a.b', '-a'].map((service) =>
      replicaName({ ...OF, service }, 1),
    )
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^[a-z0-9][a-z0-9-]{1,126}$/)
  })
})

describe('the same thing', () => {
  const spec = specOf(OF, '127.0.0.1')

  it('is told from its content: another attempt, promotion or order of variables is the same', () => {
    const again = { ...OF, promotion: 13, epoch: 9, release: 4, env: { B: '2', A: '1' } }
    expect(specOf(again, '127.0.0.1')).toBe(spec)
  })

  it.each([
    ['digest', { digest: `sha256:${'b'.repeat(64)}` }],
    ['a variable', { env: { A: '1', B: '3' } }],
    ['ports', { ports: [8086] }],
    ['replicas', { replicas: 3 }],
    ['limits', { limits: { ...OF.limits, cpus: 2 } }],
  ] as [string, Partial<Deployment>][])('is another with another %s', (_, change) => {
    expect(specOf({ ...OF, ...change }, '127.0.0.1')).not.toBe(spec)
  })
})
