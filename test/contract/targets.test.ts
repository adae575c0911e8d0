// One suite for every driver of a kind: the promises in environments/targets/target.ts, kept against a real Docker engine.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import {
  apply,
  because,
  containers,
  deployment,
  docker,
  HEALTH,
  instance,
  nextPromotion,
  one,
  serve,
  target,
  two,
  until,
} from './given-target'

/** An engine has addresses for about thirty networks, and each project takes one. */
const tidy = () => target.removeAll(instance)

describe('applying the same digest twice changes nothing', () => {
  afterAll(tidy)

  it('for another attempt, and for another promotion of the same release', async () => {
    const first = await serve(deployment(1))
    const before = await containers(1)
    expect(await apply({ ...first, epoch: 2 })).toEqual({
      ok: true,
      because: expect.stringContaining('already runs as asked'),
    })
    expect(await apply({ ...first, promotion: nextPromotion() })).toMatchObject({ ok: true })
    expect(await containers(1)).toEqual(before)
  })

  it('and the same digest with another variable is another thing', async () => {
    const first = await serve(deployment(2))
    const before = await containers(2)
    await serve({ ...first, promotion: nextPromotion(), env: { ...first.env, TAG: 'other' } })
    const after = await containers(2)
    expect(after).toHaveLength(1)
    expect(after[0]?.id).not.toBe(before[0]?.id)
    const { url } = await target.observe(first)
    expect(await (await fetch(`${url}/`)).text()).toBe('other')
  })
})

describe('A6: what a target lacks', () => {
  it('is told for an image it does not hold, and for one that was removed; it holds it again once it is back', async () => {
    expect(await target.lacks(one)).toBeNull()
    expect(await target.lacks(`sha256:${'e'.repeat(64)}`)).toMatch(/store does not hold the image/)
    const made = await docker.createContainer({ Image: one, Cmd: ['node'] })
    const { Id: lost } = await made.commit({ comment: `${instance} lost` })
    await made.remove()
    expect(await target.lacks(lost)).toBeNull()
    const kept = await docker.getImage(lost).get()
    const pieces: Buffer[] = []
    for await (const piece of kept) pieces.push(Buffer.from(piece as Uint8Array))
    await docker.getImage(lost).remove({ force: true, noprune: true })
    expect(await target.lacks(lost)).toMatch(/removed, or built on another engine/)
    const loading = await docker.loadImage(Readable.from(pieces))
    for await (const _ of loading);
    expect(await target.lacks(lost)).toBeNull()
    await docker.getImage(lost).remove({ force: true, noprune: true })
  })

  it.each(['', 'latest', 'busybox', '../../info', 'sha256:x'])(
    '%j is no digest, and nothing is said to be there',
    async (digest) => expect(await target.lacks(digest)).not.toBeNull(),
  )
})

describe('observe tells what runs, not what was asked', () => {
  afterAll(tidy)

  it('nothing, before anything was applied', async () => {
    expect(await target.observe(deployment(3))).toEqual({
      set: null,
      starting: [],
      left: 0,
      earlier: null,
      digest: null,
      health: 'absent',
      because: 'nothing runs here',
      url: null,
      inside: null,
      replicas: [],
    })
  })

  it('the digest, the health and an address that answers', async () => {
    const first = await serve(deployment(4))
    const second = await serve(deployment(4, { digest: two }))
    const seen = await target.observe(first)
    expect(seen).toMatchObject({ digest: two, health: 'healthy', because: 'the replica answers on /healthz' })
    expect(seen.replicas).toHaveLength(1)
    expect(seen.replicas[0]?.name).toMatch(
      new RegExp(`^sl-test-targ-[0-9a-f]{6}-hello-test-r1-${second.promotion}-1-1$`),
    )
    expect((await fetch(`${seen.url}/`)).status).toBe(200)
  })

  it('another environment of the same project is another place', async () => {
    const test = await serve(deployment(5))
    expect(await target.observe({ ...test, environment: 'prerelease' })).toMatchObject({ health: 'absent' })
  })

  it('a replica that stops answering is unhealthy, and says with what', async () => {
    const of = await serve(deployment(6, { mode: 'sick', healthcheck: null }))
    expect(await target.observe(of)).toMatchObject({ digest: one, health: 'healthy' })
    const asked = await target.observe({ ...of, healthcheck: { ...HEALTH, startPeriod: 0 } })
    expect(asked).toMatchObject({
      digest: one,
      health: 'unhealthy',
      because: expect.stringContaining('status 503'),
      url: null,
    })
  })
})

// These mostly wait: side by side.
describe.concurrent('a release that never gets healthy leaves the old one serving, and says its last words', () => {
  afterAll(tidy)

  it.each([
    [
      'sick',
      /^replica 1 of 1 never answered 200 on \/healthz within [\d.]+ s \(last: status 503\)\. Its last words:\nmode sick\n/,
    ],
    [
      'deaf',
      /^replica 1 of 1 never answered 200 on \/healthz within [\d.]+ s \(last: .+\)\. Its last words:\nmode deaf\n/,
    ],
    [
      'dies',
      /^replica 1 of 1 exited with code 3 before it answered on \/healthz\. Its last words:\ncannot reach the database!\n/,
    ],
  ])('%s', async (mode, words) => {
    const project = { sick: 10, deaf: 11, dies: 12 }[mode] ?? 0
    const old = await serve(deployment(project))
    const before = await containers(project)
    const told = because(await apply(deployment(project, { digest: two, mode })))
    expect(told).toMatch(words)
    expect(told).toMatch(/The release before it still serves \(1 of 1, sha256:[0-9a-f]{12}\)\.$/)
    expect(await containers(project)).toEqual(before)
    expect(await target.observe(old)).toMatchObject({ digest: one, health: 'healthy' })
  })

  it('where nothing was there before, it says that too, and leaves nothing', async () => {
    expect(because(await apply(deployment(13, { mode: 'dies' })))).toMatch(/Nothing else runs here\.$/)
    expect(await containers(13)).toEqual([])
  })

  it('what the engine refuses is told in its own words', async () => {
    const told = because(
      await apply(deployment(14, { limits: { memoryBytes: 128 * 1024 ** 2, cpus: 4096, pids: 64 } })),
    )
    expect(told).toMatch(/^The engine refuses the container: .*CPUs/)
    expect(await containers(14)).toEqual([])
  })
})

describe('a crash half-way leaves nothing behind after the next apply', () => {
  afterAll(tidy)

  it('a worker that is killed while the new release starts', async () => {
    const old = await serve(deployment(20))
    const lost = deployment(20, { digest: two, mode: 'deaf', healthcheck: { ...HEALTH, startPeriod: 60_000 } })
    const index = fileURLToPath(new URL('../../environments/targets/index.ts', import.meta.url))
    const program = `import(${JSON.stringify(index)}).then(({ TARGETS }) =>
      TARGETS.docker({ kind: 'docker' }).apply(${JSON.stringify(lost)}, () => {}, new AbortController().signal))`
    const worker = spawn(process.execPath, ['--import', 'tsx', '-e', program], { stdio: 'ignore' })
    await until('the lost attempt runs', async () =>
      (await containers(20)).some((c) => c.image === two && c.state === 'running'),
    )
    worker.kill('SIGKILL')
    await once(worker, 'exit')

    // Nobody has told the engine: the half-made replica is still there, and must not count.
    expect(await containers(20)).toHaveLength(2)
    const seen = await target.observe(old)
    expect(seen).toMatchObject({ digest: one, health: 'healthy' })
    expect(seen.replicas).toHaveLength(1)

    await serve({ ...lost, epoch: 2, env: { MODE: 'healthy' }, healthcheck: HEALTH })
    expect((await containers(20)).map((c) => [c.image, c.name.endsWith('-starting')])).toEqual([[two, false]])
  })

  it('between the take-over and the end of the old release both run, and the new one is what serves', async () => {
    await serve(deployment(21))
    const next = deployment(21, { digest: two })
    expect(await apply(next)).toMatchObject({ ok: true })
    const seen = await target.observe(next)
    expect(seen).toMatchObject({
      digest: two,
      health: 'healthy',
      set: { promotion: next.promotion, epoch: 1 },
      left: 1,
      because: expect.stringContaining('1 container of an earlier set not retired yet'),
    })
    expect((await containers(21)).map((c) => c.state)).toEqual(['running', 'running'])
    await target.retire(
      next,
      seen.replicas.map((r) => r.id),
    )
    expect(await containers(21)).toHaveLength(1)
  })

  it('an attempt that was overtaken by a later one of the same promotion changes nothing', async () => {
    const first = await serve(deployment(22, { epoch: 3 }))
    const before = await containers(22)
    await expect(apply({ ...first, epoch: 2, digest: two })).rejects.toMatchObject({ code: 'conflict' })
    expect(await containers(22)).toEqual(before)
  })
})

describe('two replicas', () => {
  afterAll(tidy)

  it('both serve, each at an address of its own; a dead one alone is replaced', async () => {
    const of = await serve(deployment(30, { replicas: 2 }))
    const seen = await target.observe(of)
    expect(seen).toMatchObject({ digest: one, health: 'healthy', because: 'each of 2 replicas answers on /healthz' })
    expect(new Set(seen.replicas.map((r) => r.url)).size).toBe(2)

    const [gone, stays] = seen.replicas
    await docker.getContainer(gone?.id ?? '').remove({ force: true })
    expect(await target.observe(of)).toMatchObject({
      digest: one,
      health: 'unhealthy',
      because: '1 of 2 replicas healthy: 1 gone',
    })

    await serve({ ...of, epoch: 2 })
    const healed = await target.observe(of)
    expect(healed).toMatchObject({ health: 'healthy' })
    expect(healed.replicas.map((r) => r.id)).toContain(stays?.id)
    expect(healed.replicas).toHaveLength(2)
  })

  it('one of two that fails takes the other new one with it', async () => {
    const old = await serve(deployment(31, { replicas: 2 }))
    const told = because(await apply(deployment(31, { replicas: 2, digest: two, mode: 'dies' })))
    expect(told).toMatch(/^replica [12] of 2 exited with code 3/)
    expect(told).toMatch(/still serves \(2 of 2/)
    expect((await target.observe(old)).replicas).toHaveLength(2)
  })
})

describe('killing a container shows in observe', () => {
  afterAll(tidy)

  it('and applying the same release again brings it back', async () => {
    const of = await serve(deployment(40))
    const [killed] = await containers(40)
    await docker.getContainer(killed?.id ?? '').kill()
    const seen = await target.observe(of)
    expect(seen).toMatchObject({ digest: null, health: 'unhealthy', url: null })
    expect(seen.because).toMatch(/^0 of 1 replica healthy: .* does not run \(exit code 137\)$/)
    await serve(of)
    expect(await target.observe(of)).toMatchObject({ digest: one, health: 'healthy' })
    expect(await containers(40)).toHaveLength(1)
  })
})

describe('an aborted apply', () => {
  afterAll(tidy)

  it('removes the new replicas at once and leaves the old one serving', async () => {
    const old = await serve(deployment(50))
    const before = await containers(50)
    const abort = new AbortController()
    const applying = apply(
      deployment(50, { digest: two, mode: 'deaf', healthcheck: { ...HEALTH, startPeriod: 60_000 } }),
      abort.signal,
    )
    await until('the new replica is there', async () => (await containers(50)).length === 2)
    abort.abort(new Error('somebody canceled the run'))
    expect(because(await applying)).toMatch(
      /^Stopped before the new release served: somebody canceled the run\nThe release before it still serves/,
    )
    expect(await containers(50)).toEqual(before)
    expect(await target.observe(old)).toMatchObject({ digest: one, health: 'healthy' })
  })
})

describe('an apply that is aborted at any moment', () => {
  afterAll(tidy)

  it('leaves one release whole: the old one where it says no, the new one where it says yes', async () => {
    for (const afterMs of [0, 20, 100, 300, 900]) {
      const old = await serve(deployment(51, { replicas: 2 }))
      const before = await containers(51)
      const abort = new AbortController()
      const applying = apply(deployment(51, { digest: two, replicas: 2 }), abort.signal)
      setTimeout(() => abort.abort(new Error('the promotion was canceled')), afterMs)
      const applied = await applying
      const after = await containers(51)
      expect(after.some((c) => c.name.endsWith('-starting'))).toBe(false)
      expect(after).toHaveLength(applied.ok ? 4 : 2)
      if (!applied.ok) {
        expect(applied.because).toMatch(/the promotion was canceled\nThe release before it still serves \(2 of 2/)
        expect(after.map((c) => c.id).sort()).toEqual(before.map((c) => c.id).sort())
      }
      const seen = await target.observe(old)
      expect(seen).toMatchObject({ digest: applied.ok ? two : one, health: 'healthy' })
    }
  })

  it('before it has begun touches nothing', async () => {
    const old = await serve(deployment(52))
    const before = await containers(52)
    expect(because(await apply(deployment(52, { digest: two }), AbortSignal.abort()))).toMatch(/^Stopped before/)
    expect(await containers(52)).toEqual(before)
    expect(await target.observe(old)).toMatchObject({ digest: one, health: 'healthy' })
  })
})

describe('inside its network a release is found by a name of its own', () => {
  afterAll(tidy)

  /** What a container that joins the network reads at an address, and the answers' variety. */
  const ask = async (inside: { network: string; url: string } | null) => {
    const { network = '', url = '' } = inside ?? {}
    const program = `Promise.all([1, 2, 3].map(() => fetch(process.argv[1] + '/').then((answer) => answer.text()))).then((all) => console.log(all.join()))`
    const asker = await docker.createContainer({
      Image: one,
      Cmd: ['node', '-e', program, url],
      HostConfig: { NetworkMode: network },
    })
    try {
      await asker.start()
      await asker.wait()
      return String(await asker.logs({ stdout: true, stderr: true })).slice(8)
    } finally {
      await asker.remove({ force: true })
    }
  }

  it('which both replicas answer to, also while and after the next one starts beside', async () => {
    const env = (TAG: string) => ({ MODE: 'healthy', TAG })
    const old = await serve(deployment(80, { replicas: 2, env: env('old') }))
    const first = await target.observe(old)
    expect(first.inside).toEqual({
      network: expect.stringMatching(/-p80-test$/),
      url: expect.stringMatching(/^http:\/\/hello-[0-9a-f]{12}:8085$/),
    })
    expect(await ask(first.inside)).toBe('old,old,old\n')

    const slow = { ...HEALTH, port: 9999, startPeriod: 60_000 }
    const abort = new AbortController()
    const applying = apply(deployment(80, { env: env('new'), healthcheck: slow }), abort.signal)
    await until(
      'the next one runs',
      async () => (await containers(80)).filter((c) => c.state === 'running').length === 3,
    )
    expect(await ask((await target.observe(old)).inside)).toBe('old,old,old\n')
    abort.abort()
    await applying

    const next = await serve(deployment(80, { replicas: 2, env: env('new') }))
    const second = await target.observe(next)
    expect(second.inside?.url).not.toBe(first.inside?.url)
    expect(await ask(second.inside)).toBe('new,new,new\n')
    // The service's plain name too leads to the new ones alone.
    expect(await ask({ network: second.inside?.network ?? '', url: 'http://hello:8085' })).toBe('new,new,new\n')
  })

  it('and by none where it has no port, or nothing healthy', async () => {
    const of = await serve(deployment(81, { ports: [], healthcheck: null }))
    expect(await target.observe(of)).toMatchObject({ health: 'healthy', inside: null })
    const [killed] = await containers(81)
    await docker.getContainer(killed?.id ?? '').kill()
    expect(await target.observe({ ...of, ports: [8085] })).toMatchObject({ health: 'unhealthy', inside: null })
  })
})

describe('unknown digest', () => {
  afterAll(tidy)

  it('is refused by name, before anything is touched', async () => {
    const digest = `sha256:${'0'.repeat(64)}`
    expect(because(await apply(deployment(60, { digest })))).toContain(`does not hold the image ${digest}`)
  })

  it.each(['shiplock-demo/node:local', 'sha256:12', '-v/:/host'])('%s is no digest', async (digest) => {
    expect(because(await apply(deployment(60, { digest })))).toContain('names no digest')
  })
})

describe('the container holds no privileges', () => {
  afterAll(tidy)

  it('no socket, no bind, five capabilities, nothing to gain, and its limits', async () => {
    await serve(deployment(70))
    const [of] = await containers(70)
    const { HostConfig: host, Mounts, NetworkSettings } = await docker.getContainer(of?.id ?? '').inspect()
    expect(Mounts).toEqual([])
    expect(host).toMatchObject({
      Binds: null,
      Privileged: false,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Init: true,
      PidMode: '',
      IpcMode: 'private',
      Memory: 128 * 1024 ** 2,
      NanoCpus: 1e9,
      PidsLimit: 64,
      RestartPolicy: { Name: 'unless-stopped' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    })
    expect(NetworkSettings.Ports['8085/tcp']).toMatchObject([{ HostIp: '127.0.0.1' }])
    const [network] = Object.values(NetworkSettings.Networks)
    expect(network?.Aliases).toEqual(expect.arrayContaining(['hello', expect.stringMatching(/^hello-[0-9a-f]{12}$/)]))

    const exec = await docker.getContainer(of?.id ?? '').exec({ Cmd: ['cat', '/proc/1/status'], AttachStdout: true })
    const stream = await exec.start({})
    let status = ''
    for await (const chunk of stream) status += chunk
    // CHOWN 0, DAC_OVERRIDE 1, SETGID 6, SETUID 7, NET_BIND_SERVICE 10: the bits of five capabilities.
    expect(status).toMatch(/CapBnd:\s+00000000000004c3\n/)
    expect(status).toMatch(/NoNewPrivs:\s+1\n/)
  })

  it('removeAll takes off what a verification still has on the network', async () => {
    const inside = (await target.observe(await serve(deployment(71)))).inside
    const verifier = await docker.createContainer({
      Image: one,
      Cmd: ['sleep', '60'],
      HostConfig: { NetworkMode: inside?.network ?? '' },
    })
    await verifier.start()
    await target.removeAll(instance)
    await verifier.remove({ force: true })
  })

  it('removeAll leaves neither container nor network, and may be said twice', async () => {
    await target.removeAll(instance)
    await target.removeAll(instance)
    const filters = { label: [`shiplock.instance=${instance}`] }
    expect(await docker.listContainers({ all: true, filters })).toEqual([])
    expect(await docker.listNetworks({ filters })).toEqual([])
  })
})
