import { readdir, readFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dockerEngine } from '../../pipelines/engines/docker'
import { ensureBusyboxBase } from '../../scripts/base-image.mjs'
import { BUSYBOX, build, eventually, instance, keptLog, LIMITS, MIB, never, processes } from './engine-orders'

// C7: the limits of a build hold for its commands, on the engine's own machine, as root. Elsewhere that is said.

const engine = dockerEngine()
const isRoot = process.getuid?.() === 0
const limits = { ...LIMITS, memoryBytes: 48 * MIB, diskBytes: 64 * MIB, pids: 24, cpus: 0.5 }
/** Holds what it reads. */
const holds = (bytes: number) =>
  `(head -c ${bytes} /dev/zero | tr '\\0' '\\n' | tail -n ${bytes * 2} | (sleep 2; cat) >/dev/null)`

let turn = 0
const fresh = () => `${process.pid}.${Date.now()}.${++turn}`

beforeAll(async () => {
  await ensureBusyboxBase()
  await engine.ensureReady()
}, 30_000)
afterAll(() => engine.removeAll(instance))

/** Of this file's builds, under the control groups of either version. */
async function groups(): Promise<string[]> {
  const trees = ['memory/docker/buildkit', 'pids/docker/buildkit', 'cpu/docker/buildkit', 'docker/buildkit']
  const names = await Promise.all(trees.map((tree) => readdir(`/sys/fs/cgroup/${tree}`).catch(() => [] as string[])))
  return names.flat().filter((name) => name.startsWith(`shiplock-${instance}-`))
}

async function built(dockerfile: string, over = {}, using = engine) {
  const { log, text } = keptLog()
  const verdict = await using.build(build(dockerfile, { limits: { ...limits, ...over } }), log, never())
  return { verdict, text: text() }
}

/** Where limits cannot be set, the stage says it. */
const orSaid = (because: string) => expect.stringMatching(isRoot ? because : 'were not limited')

describe('the limits of a build', () => {
  it('C7: memory: a command that holds more is killed, and the verdict says for what', async () => {
    const { verdict } = await built(`FROM ${BUSYBOX}\nRUN ${holds(100_000_000)}; : ${fresh()}; exit 7`)
    expect(verdict).toMatchObject({ ok: false, because: orSaid('killed for using more than 48 MiB of memory') })
  })

  it('C7 and C8: memory: one that the command swallows is told on a build that succeeds', async () => {
    const { verdict } = await built(`FROM ${BUSYBOX}\nRUN ${holds(100_000_000)} || true; : ${fresh()}`)
    expect(verdict).toMatchObject({
      ok: true,
      because: orSaid('^built sha256:\\w+; .*killed for using more than 48 MiB of memory'),
    })
  })

  it('C7: memory: what two commands at the same time hold counts together', async () => {
    const id = fresh()
    // Each goes on once all hold what they hold, or after ten seconds: then another was killed.
    const all = 'n=0; until test -e /c/a -a -e /c/b -a -e /c/d || test $n = 100; do n=$((n+1)); sleep 0.1; done'
    const each = (name: string) =>
      `FROM ${BUSYBOX} AS ${name}\nRUN --mount=type=cache,id=${id},target=/c head -c 16000000 /dev/zero | tr '\\0' '\\n' | tail -n 32000000 | (head -c 1 >/dev/null; touch /c/${name}; ${all}; cat >/dev/null); touch /${name}`
    const names = ['a', 'b', 'd']
    const copies = names.map((name) => `COPY --from=${name} /${name} /`)
    const { verdict } = await built([...names.map(each), 'FROM scratch', ...copies].join('\n'))
    expect(verdict).toMatchObject({ because: orSaid('killed for using more than 48 MiB') })
    const alone = await built(`FROM ${BUSYBOX}\nRUN ${holds(16_000_000)}; : ${fresh()}`)
    expect(alone.verdict).toMatchObject({
      ok: true,
      because: isRoot ? expect.stringMatching(/^built sha256:\w+$/) : orSaid(''),
    })
  })

  it('C7: processes and processors: a fork bomb stays small, and the engine answers meanwhile', async () => {
    const name = `9${Date.now() % 100_000_000}`
    const bomb = `for n in $(seq 60); do sleep ${name} & done; echo all of them; exit 3`
    const { verdict, text } = await built(`FROM ${BUSYBOX}\nRUN ${bomb}; : ${fresh()}`)
    expect(verdict.ok).toBe(false)
    if (isRoot) expect(text).toMatch(/can't fork/)
    expect(await eventually(async () => (await processes(name)).length === 0, 5_000)).toBe(true)
  })

  it.each([
    ['at once', 'dd if=/dev/zero of=/x bs=1M count=200'],
    ['and goes on', 'dd if=/dev/zero of=/x bs=1M count=200; sleep 60'],
    ['in pieces, over commands', 'dd if=/dev/zero of=/x bs=1M count=40\nRUN dd if=/dev/zero of=/y bs=1M count=40'],
    ['into a cache', 'sleep 60'],
  ])(
    'C7: disk: a build that writes too much %s ends for it',
    async (what, run) => {
      const mount =
        what === 'into a cache'
          ? `--mount=type=cache,id=${fresh()},target=/c dd if=/dev/zero of=/c/x bs=1M count=200; `
          : ''
      const { verdict } = await built(`FROM ${BUSYBOX}\nRUN ${mount}${run}; : ${fresh()}`, { timeMs: 25_000 })
      expect(verdict).toMatchObject({
        ok: false,
        because: expect.stringMatching(isRoot ? /wrote more than 64 MiB/ : /more than 64 MiB|ran longer/),
      })
    },
    30_000,
  )

  it('C7: are those of the build, also where its file sets no_proxy, and caching stays', async () => {
    const id = fresh()
    const text = `FROM ${BUSYBOX}\nENV no_proxy=example.org\nRUN test "$no_proxy" = example.org; head -c 8 /dev/urandom | md5sum >/made; : ${id}`
    const one = await built(text)
    const two = await built(text)
    expect(one.verdict).toMatchObject({
      ok: true,
      because: isRoot ? expect.stringMatching(/^built sha256:\w+$/) : orSaid(''),
    })
    expect(two.text).toMatch(/^#\d+ CACHED/m)
  })

  it('C7: leave no group behind', async () => {
    expect(await eventually(async () => (await groups()).length === 0, 10_000)).toBe(true)
  })
})

describe('where limits cannot be put in force', () => {
  let proxy: ReturnType<typeof createServer>

  // An engine behind an address is on another machine, as far as anybody can tell.
  const elsewhere = async (mustLimit: boolean) => {
    const socketPath = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace('unix://', '')
    proxy = createServer((client) => {
      const engineSide = connect(socketPath)
      client.pipe(engineSide).pipe(client)
      for (const side of [client, engineSide]) side.on('error', () => client.destroy())
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const { port } = proxy.address() as { port: number }
    return dockerEngine({ host: 'http://127.0.0.1', port }, mustLimit)
  }
  afterAll(() => proxy?.close())

  it('C7: the log and the stage say it, and a build without commands is no matter', async () => {
    const away = await elsewhere(false)
    const { verdict, text } = await built(`FROM ${BUSYBOX}\nRUN : ${fresh()}`, {}, away)
    expect(verdict).toMatchObject({
      ok: true,
      because: expect.stringMatching(/^built .*; memory, .* were not limited: the engine is on another machine/),
    })
    expect(text).toMatch(/^Be aware: memory, /)
    const quiet = await built(`FROM ${BUSYBOX}\nCOPY Dockerfile /`, {}, away)
    expect(quiet.verdict).toMatchObject({ ok: true, because: expect.stringMatching(/^built sha256:\w+$/) })
    proxy.close()
  })

  it('C7: nothing is built where that is wanted, and too large an image is not taken', async () => {
    const strict = await elsewhere(true)
    const { verdict } = await built(`FROM ${BUSYBOX}\nRUN : ${fresh()}`, {}, strict)
    expect(verdict).toMatchObject({ ok: false, because: expect.stringContaining('BUILD_LIMITS=required') })
    proxy.close()
    const lax = await elsewhere(false)
    const large = await built(`FROM ${BUSYBOX}\nRUN dd if=/dev/zero of=/x bs=1M count=80; : ${fresh()}`, {}, lax)
    expect(large.verdict).toMatchObject({ ok: false, because: expect.stringContaining('more than 64 MiB') })
  })
})

describe('the network of a build', () => {
  /** The machine's own: no build may change a thing there. */
  const routes = async () => {
    const tables = ['/proc/net/route', '/proc/net/ipv6_route'].map((file) => readFile(file, 'utf8').catch(() => ''))
    // Networks of other tests come and go; the way out of the machine does not.
    return (await Promise.all(tables))
      .join('')
      .split('\n')
      .filter((line) => !/(veth|br-|docker0|lo$)/.test(line))
  }

  it("C6: the machine's own routes are as they were, after many builds", async () => {
    const before = await routes()
    await Promise.all(Array.from({ length: 6 }, () => built(`FROM ${BUSYBOX}\nRUN : ${fresh()}\nRUN : ${fresh()}`)))
    expect(await routes()).toEqual(before)
  })

  it('C6: no build reaches another, nor what listens on the loopback of the machine', async () => {
    const port = 20_000 + (process.pid % 20_000)
    const host = createServer((client) => client.end('the machine'))
    await new Promise<void>((resolve) => host.listen(port, '127.0.0.1', resolve))
    const serving = keptLog()
    const stop = new AbortController()
    const serve = `echo stolen >/tmp/x; (sleep 1; ip -o -4 addr show eth0; echo ready$((1+1))) & httpd -f -p ${port} -h /tmp; : ${fresh()}`
    const server = engine.build(build(`FROM ${BUSYBOX}\nRUN ${serve}`), serving.log, stop.signal)
    try {
      await serving.saw('ready2')
      const address = /inet ([\d.]+)\//.exec(serving.text())?.[1]
      expect(address).toBeDefined()
      // The last is the control: its own server is reached in the same way.
      const ask = (to: string) => `$(echo GET /x HTTP/1.0 | nc -w 3 ${to} ${port} 2>/dev/null | grep -c stolen)`
      const asks = [
        `a=${ask(address ?? '')}; b=${ask('127.0.0.1')}`,
        `httpd -f -p ${port} -h /tmp >/dev/null 2>&1 & sleep 1; echo got.$a.$b.${ask('127.0.0.1')}`,
      ].join('; ')
      const { text } = await built(`FROM ${BUSYBOX}\nRUN echo stolen >/tmp/x; sleep 1; ${asks}; : ${fresh()}`)
      expect(text).toMatch(isRoot ? / got\.0\.0\.1$/m : / got\.[01]\.0\.1$/m)
    } finally {
      stop.abort()
      await server
      host.close()
    }
  })
})
