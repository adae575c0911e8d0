import { describe, expect, it } from 'vitest'
import { readGlobs } from '../../pipelines/engines/docker-glob'
import { serviceSpec } from '../../pipelines/engines/docker-service'

describe('the globs of what a step leaves', () => {
  it.each([
    ['reports/*.xml', ['reports/a.xml'], ['reports/b/a.xml', 'reports/a.txt', 'a.xml', 'x/reports/a.xml']],
    ['**/TEST-*.xml', ['TEST-1.xml', 'a/b/TEST-2.xml'], ['a/test-1.xml', 'TEST-1.xml/x']],
    ['dist/**', ['dist/a', 'dist/a/b/.c'], ['dis/a', 'distance/a']],
    ['a/**/z', ['a/z', 'a/b/c/z'], ['a/b/z/c', 'z']],
    ['dist', ['dist', 'dist/a/b'], ['dist2', 'a/dist']],
    ['./out/{unit,api}-?.[jx]*', ['out/unit-1.xml', 'out/api-2.json'], ['out/e2e-1.xml', 'out/unit-10.xml']],
    ['!keep', ['!keep'], ['other']],
    ['a(b)+c', ['a(b)+c'], ['abc', 'abbc']],
    ['[ab]+c|d', ['a+c|d', 'b+c|d'], ['aac', 'ac|d', 'd']],
    ['page-[id].html', ['page-i.html', 'page-[id].html'], ['page-x.html']],
  ])('%s', (glob, taken, left) => {
    const { matches, refused } = readGlobs([glob])
    expect(refused).toEqual([])
    expect([...taken, ...left].filter(matches)).toEqual(taken)
  })

  it('say where to look: the deepest folders that hold all of it, none within another', () => {
    expect(readGlobs(['reports/unit/*.xml', 'reports/unit/deep/**', 'dist', './dist/js/*.js']).bases).toEqual([
      'reports/unit',
      'dist',
    ])
    expect(readGlobs(['**/*.xml', 'reports/*.xml']).bases).toEqual([''])
  })

  it.each(['../x', 'a/../../x', '/etc/*', '', 'x'.repeat(301), '*a*a*a*a', '{a/b,c}'])('%s is refused', (glob) => {
    const { refused, matches } = readGlobs([glob])
    expect(refused).toHaveLength(1)
    expect(matches('x')).toBe(false)
  })

  it('take no long time over a name that was made for it', () => {
    const { matches } = readGlobs(['**/**/**/*a*a*b', '**/(a+)+b', '**/{a,aa}+b', '**/[a]+[a]+[a]+[a]+b'])
    const started = performance.now()
    for (let n = 0; n < 20; n += 1) expect(matches(`${`${'a'.repeat(255)}/`.repeat(15)}${'a'.repeat(255)}`)).toBe(false)
    expect(performance.now() - started).toBeLessThan(20_000)
  })
})

describe('what an engine is asked for a service', () => {
  const label = { instance: 'main', project: 1, trust: 'develop' as const, run: 7, stage: 'unit', epoch: 2 }
  const limits = { timeMs: 1, graceMs: 1, memoryBytes: 2 ** 20, cpus: 4, pids: 9, diskBytes: 2 ** 30 }
  const db = { name: 'db', image: 'postgres:17', env: { A: 'b' }, command: null, healthcheck: null }

  it('is its name on the network, three capabilities and the limits of the step', () => {
    const { name, body } = serviceSpec(db, { label, limits }, 'sha256:1', 'net', 2)
    expect(name).toBe('sl-main-7-unit-2.db')
    expect(body).toMatchObject({
      Image: 'sha256:1',
      Env: ['A=b'],
      NetworkingConfig: { EndpointsConfig: { net: { Aliases: ['db'] } } },
      HostConfig: {
        NetworkMode: 'net',
        CapDrop: ['ALL'],
        CapAdd: ['CHOWN', 'SETGID', 'SETUID'],
        NanoCpus: 2e9,
        PidsLimit: 9,
      },
    })
    expect(body).not.toHaveProperty('Healthcheck')
    expect(body).not.toHaveProperty('Cmd')
  })

  it('is a healthcheck in nanoseconds, never below what an engine takes', () => {
    const healthcheck = { test: ['CMD', 'true'], interval: 0, timeout: 1_500, startPeriod: 0, retries: 0 }
    const { body } = serviceSpec({ ...db, healthcheck, command: ['x'] }, { label, limits }, 'sha256:1', 'net', 2)
    expect(body).toMatchObject({
      Cmd: ['x'],
      Healthcheck: { Test: ['CMD', 'true'], Interval: 1e6, Timeout: 1.5e9, StartPeriod: 0, Retries: 1 },
    })
  })
})
