// What may replace what serves: a set that held through its window, and nothing else. Against a real Docker engine.
import { createServer } from 'node:http'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  apply,
  because,
  containers,
  deployment,
  docker,
  HEALTH,
  inside,
  instance,
  one,
  serve,
  target,
  two,
  until,
} from './given-target'

/** A window that is long enough to do something within it. */
const LONG = { monitor: 2_500 }

/** The new set's containers. */
const newSet = async (project: number) =>
  (await containers(project)).filter((c) => c.image === two && c.state === 'running').map((c) => c.id)

const tidy = () => target.removeAll(instance)

describe.concurrent('a release that is healthy once and does not hold', () => {
  afterAll(tidy)

  it.each([
    [
      'A1: answers well and badly by turns',
      'flaps',
      /did not hold: every answer must be good for 1 s.*\(last: status 503\)/,
    ],
    [
      'A2: exits after its first good answer',
      'leaves',
      /^replica 1 of 1 does not run \(exit code 1\) [\d.]+ s after it was healthy/,
    ],
    ['A2: hangs in the window', 'hangs', /did not hold: .*last: no answer within/],
    [
      'A2: runs out of memory in the window',
      'eats',
      /^replica 1 of 1 (ran out of memory [\d.]+ s after it was healthy|did not hold)/,
    ],
    ['A2: has no such health path', 'pathless', /never answered 200 on \/healthz .*status 404/],
  ])('%s: the old one serves on, untouched', async (_, mode, words) => {
    const project = 100 + ['flaps', 'leaves', 'hangs', 'eats', 'pathless'].indexOf(mode)
    const old = await serve(deployment(project))
    const before = await containers(project)
    const next = deployment(project, {
      digest: two,
      mode,
      monitor: 1_000,
      healthcheck: { ...HEALTH, timeout: 300 },
    })
    const told = because(await apply(next))
    expect(told).toMatch(words)
    expect(told).toMatch(/The release before it still serves \(1 of 1, sha256:[0-9a-f]{12}\)\.$/)
    expect(await containers(project)).toEqual(before)
    expect(await target.observe(old)).toMatchObject({ digest: one, health: 'healthy', left: 0, starting: [] })
  })

  it('A2: without a healthcheck it must run through the window', async () => {
    const old = await serve(deployment(110, { healthcheck: null }))
    const next = deployment(110, { digest: two, mode: 'brief', healthcheck: null, monitor: 2_000 })
    expect(because(await apply(next))).toMatch(/^replica 1 of 1 does not run \(exit code 4\) [\d.]+ s after/)
    expect(await target.observe(old)).toMatchObject({ digest: one, health: 'healthy' })
  })

  it('a slow start is no fault: it holds once it answers', async () => {
    await serve(deployment(111))
    expect(await apply(deployment(111, { digest: two, mode: 'late' }))).toMatchObject({ ok: true })
  })

  it('A2: the first deployment of all leaves nothing, and says that nothing else runs', async () => {
    const told = because(await apply(deployment(112, { mode: 'leaves', monitor: 1_000 })))
    expect(told).toMatch(/does not run \(exit code 1\)[\s\S]*Nothing else runs here\.$/)
    expect(await containers(112)).toEqual([])
  })
})

/** Takes a replica's port away and gives it to a container that answers well there. @returns the stranger */
async function takePort(id: string): Promise<string> {
  const { NetworkSettings } = await docker.getContainer(id).inspect()
  const HostPort = NetworkSettings.Ports['8085/tcp']?.[0]?.HostPort
  const [network = ''] = Object.keys(NetworkSettings.Networks)
  await docker.getNetwork(network).disconnect({ Container: id, Force: true })
  const made = await docker.createContainer({
    Image: one,
    Env: ['MODE=healthy', 'TAG=stranger'],
    ExposedPorts: { '8085/tcp': {} },
    HostConfig: { PortBindings: { '8085/tcp': [{ HostIp: '127.0.0.1', HostPort }] } },
  })
  await made.start()
  return made.id
}

describe('once it serves', () => {
  afterAll(tidy)

  it('A3: a replica whose port is another container’s is not healthy, and has no address', async () => {
    const of = await serve(deployment(130))
    const [{ id } = { id: '' }] = await containers(130)
    const { url } = await target.observe(of)
    const stranger = await takePort(id)
    onTestFinished(() => docker.getContainer(stranger).remove({ force: true }))
    await until('the stranger answers', async () => {
      const answer = await fetch(`${url}/`, { signal: AbortSignal.timeout(1_000) }).catch(() => null)
      return (await answer?.text()) === 'stranger'
    })
    expect(await target.observe(of)).toMatchObject({
      health: 'unhealthy',
      because: expect.stringContaining('port 8085 is not published'),
      url: null,
      inside: null,
    })
  })

  it('A2: a paused replica is told as paused, with what ends that, and not as ended', async () => {
    const of = await serve(deployment(136))
    const [{ id, name } = { id: '', name: '' }] = await containers(136)
    await docker.getContainer(id).pause()
    const seen = await target.observe(of)
    expect(seen).toMatchObject({ health: 'unhealthy', url: null })
    expect(seen.because).toContain(`${name} is paused: \`docker unpause ${name}\` lets it go on`)
    await docker.getContainer(id).unpause()
    expect(await target.observe(of)).toMatchObject({ health: 'healthy' })
  })

  it('A2: of two replicas one exits after the commit: withdrawn, the old set is whole again', async () => {
    const old = await serve(deployment(131, { replicas: 2 }))
    const before = await containers(131)
    const next = deployment(131, { replicas: 2, digest: two })
    expect(await apply(next)).toMatchObject({ ok: true })
    const [gone] = (await target.observe(next)).replicas
    await docker.getContainer(gone?.id ?? '').remove({ force: true })
    expect(await target.observe(next)).toMatchObject({ health: 'unhealthy', digest: two, left: 2 })

    const what = { promotion: next.promotion, epoch: 1 }
    expect(await target.withdraw(next, what)).toBe(1)
    expect(await target.withdraw(next, what)).toBe(0)
    expect(await containers(131)).toEqual(before)
    expect(await target.observe(old)).toMatchObject({
      health: 'healthy',
      digest: one,
      left: 0,
      set: { promotion: old.promotion, epoch: 1 },
    })
  })

  it('A2: a dead replica that was replaced alone is there again when its successor is withdrawn', async () => {
    const of = await serve(deployment(132, { replicas: 2 }))
    const [dead] = await containers(132)
    await docker.getContainer(dead?.id ?? '').kill()
    expect(await apply({ ...of, epoch: 2 })).toMatchObject({ ok: true })
    const healed = await target.observe(of)
    expect(healed).toMatchObject({ health: 'healthy', left: 1, set: { promotion: of.promotion, epoch: 2 } })
    await target.withdraw(of, { promotion: of.promotion, epoch: 2 })
    expect(await target.observe(of)).toMatchObject({ health: 'unhealthy', left: 0, set: { epoch: 1 } })
    expect((await containers(132)).map((c) => c.id)).toContain(dead?.id)

    await serve({ ...of, epoch: 3 })
    expect(await containers(132)).toHaveLength(2)
    expect(await target.observe(of)).toMatchObject({ health: 'healthy', left: 0 })
  })

  it('retire touches nothing where another set has taken over, and is safe twice', async () => {
    const old = await serve(deployment(133))
    const ids = (await target.observe(old)).replicas.map((r) => r.id)
    const next = deployment(133, { digest: two })
    await apply(next)
    expect(await target.retire(old, ids)).toBe(0)
    expect(await containers(133)).toHaveLength(2)
    const serving = (await target.observe(next)).replicas.map((r) => r.id)
    expect(await target.retire(next, serving)).toBe(1)
    expect(await target.retire(next, serving)).toBe(0)
    expect(await target.retire(next, [])).toBe(0)
    expect(await containers(133)).toMatchObject([{ image: two }])
  })

  it('going back to the release before, which still runs unretired, is a set of its own', async () => {
    const first = await serve(deployment(134))
    await apply(deployment(134, { digest: two }))
    const back = { ...first, promotion: first.promotion + 1_000 }
    expect(await apply(back)).toMatchObject({ ok: true })
    const seen = await target.observe(back)
    expect(seen).toMatchObject({ digest: one, health: 'healthy', left: 2, set: { promotion: back.promotion } })
    expect(seen.replicas).toHaveLength(1)
    await target.withdraw(back, { promotion: back.promotion, epoch: 1 })
    expect(await target.observe(back)).toMatchObject({ digest: two, left: 1 })
  })

  it('a server of this machine at the very port is no replica', async () => {
    const of = await serve(deployment(135))
    const [{ id } = { id: '' }] = await containers(135)
    const port = Number(new URL(String((await target.observe(of)).url)).port)
    await docker.getContainer(id).stop({ t: 0 })
    const server = createServer((_, response) => response.end('ok')).listen(port, '127.0.0.1')
    await until(
      'it answers',
      async () => (await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => null))?.ok === true,
    )
    expect(await target.observe(of)).toMatchObject({ health: 'unhealthy', url: null, digest: null })
    server.close()
  })
})

// Apart from the first, so that neither takes away what the other has deployed.
describe.concurrent('within the window', () => {
  afterAll(tidy)

  /** Applies a new set, does something to it once it answers, and says what became of it. */
  async function meanwhile(project: number, replicas: number, act: (ids: string[]) => Promise<unknown>) {
    const old = await serve(deployment(project, { replicas }))
    const before = await containers(project)
    let isWatched = false
    const log = (line: string) => {
      isWatched ||= line.startsWith('Watching')
    }
    const next = deployment(project, { digest: two, replicas, ...LONG })
    const applying = target.apply(next, log, new AbortController().signal)
    await until('the window has begun', async () => isWatched)
    await act(await newSet(project))
    return { old, before, applied: await applying }
  }

  it('A4: of two replicas one flaps: neither serves', async () => {
    const { old, before, applied } = await meanwhile(120, 2, async ([id = '']) => {
      for (
        let n = 0;
        n < 60 &&
        (await docker
          .getContainer(id)
          .inspect()
          .catch(() => null));
        n++
      ) {
        await inside(id, 'sh', '-c', n % 2 ? 'rm -f /tmp/says' : 'echo 503 > /tmp/says').catch(() => {})
        await new Promise((resolve) => setTimeout(resolve, 400))
      }
    })
    expect(because(applied)).toMatch(/^replica [12] of 2 did not hold: .* of \d+ answers \d+ were good and \d+ bad/)
    expect(await containers(120)).toEqual(before)
    expect(await target.observe(old)).toMatchObject({ digest: one, health: 'healthy' })
  })

  it('A4: one bad answer begins it anew for all, and is forgiven', async () => {
    const { applied } = await meanwhile(121, 2, async ([id = '']) => {
      await inside(id, 'sh', '-c', 'echo 500 > /tmp/says; sleep 0.5; rm /tmp/says')
    })
    expect(applied).toMatchObject({ ok: true })
  })

  it.each([
    ['A2: is removed by a person', 122, (id: string) => docker.getContainer(id).remove({ force: true }), /was removed/],
    ['A2: is killed', 123, (id: string) => docker.getContainer(id).kill(), /does not run \(exit code 137\)/],
    ['A3: is restarted', 124, (id: string) => docker.getContainer(id).restart({ t: 0 }), /was restarted|does not run/],
    ['A2: is paused', 125, (id: string) => docker.getContainer(id).pause(), /is paused.*docker unpause sl-/],
  ])('%s: the old one serves', async (_, project, act, words) => {
    const { old, before, applied } = await meanwhile(project, 2, async ([id = '']) => act(id))
    expect(because(applied)).toMatch(words)
    expect(await containers(project)).toEqual(before)
    expect(await target.observe(old)).toMatchObject({ digest: one, health: 'healthy' })
  })

  it('A3: health is good at its port, and another container answers there: the old one serves', async () => {
    const stranger: { id?: string } = {}
    const { old, before, applied } = await meanwhile(126, 1, async ([id = '']) => {
      stranger.id = await takePort(id)
    })
    await docker.getContainer(stranger.id ?? '').remove({ force: true })
    expect(because(applied)).toMatch(/^replica 1 of 1 no longer has its port 8085 at \d+/)
    expect(await containers(126)).toEqual(before)
    expect(await target.observe(old)).toMatchObject({ digest: one, health: 'healthy' })
  })
})
