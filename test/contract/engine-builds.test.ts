import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dockerEngine } from '../../pipelines/engines/docker'
import type { BuildOrder, WorkLabel } from '../../pipelines/engines/engine'
import { TRUST_CLASSES, type TrustClass } from '../../pipelines/trust'
import { ensureBusyboxBase } from '../../scripts/base-image.mjs'
import { BUSYBOX, build, commit, instance, keptLog, label, never, step } from './engine-orders'

// What decides what is in an image: caches, layers, bases, and what the builder can reach.

const engine = dockerEngine()
const docker = new Docker()
const other = `${instance}x`

beforeAll(async () => {
  await ensureBusyboxBase()
  await engine.ensureReady()
}, 30_000)

afterAll(async () => {
  for (const name of [instance, other]) await engine.removeAll(name)
  const left = (await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? [])
  for (const tag of left.filter((name) => name.startsWith(`${instance}/`))) await docker.getImage(tag).remove()
})

let turn = 0
/** No layer of an earlier turn, or run of the suite, is this one's. */
const fresh = () => `${process.pid}.${Date.now()}.${++turn}`

const forWork = (over: Partial<WorkLabel>) => label({ stage: 'build', ...over })

async function built(dockerfile: string, over: Partial<BuildOrder> = {}) {
  const { log, text } = keptLog()
  const order = build(dockerfile, over)
  const verdict = await engine.build(order, log, never())
  return { verdict, text: text(), image: order.image, digest: verdict.ok ? verdict.digest : '' }
}

async function ran(image: string, run: string, over: Partial<Parameters<typeof step>[1] & object> = {}) {
  const { log, text } = keptLog()
  const verdict = await engine.run(step(run, { image, ...over }), log, never())
  return { verdict, text: text() }
}

interface Scope {
  project: number
  trust: TrustClass
}

describe('what builds share', () => {
  const seeds = Number(process.env.SEEDS ?? 4)

  /** The same numbers for the same seed. */
  const random = (seed: number) => {
    let state = seed * 2654435761 + 1
    return (below: number) => {
      state = (state * 1103515245 + 12345) % 2 ** 31
      return Math.floor((state / 2 ** 31) * below)
    }
  }

  it.each(Array.from({ length: seeds }, (_, seed) => seed))(
    'C1: cache mounts and layers are shared within a project and class and nowhere else (seed %i)',
    async (seed) => {
      const next = random(seed)
      const scope = (): Scope => ({ project: 1 + next(2), trust: TRUST_CLASSES[next(4)] as TrustClass })
      const [writer, reader] = [scope(), seed % 4 === 0 ? null : scope()]
      const of = reader ?? writer // each fourth one is the control: the same scope shares
      const id = fresh()
      const mounts = [
        `type=cache,id=${id},target=/c`,
        `type=cache,id=${id},target=/c,sharing=locked`,
        `type=cache,target=/cache/${id}`,
        `type=cache,id="${id}",target=/c,from=${BUSYBOX},source=/tmp`,
        `target=/c,id=${id},type=cache,sharing=private`,
      ]
      const kind = next(mounts.length - 1)
      const mount = mounts[kind] ?? ''
      const target = /target=([^,]+)/.exec(mount)?.[1]
      const claim = next(2) === 0 ? '' : `ARG BUILDKIT_CACHE_MOUNT_NS=x\nENV BUILDKIT_CACHE_MOUNT_NS=x\n`
      const layer = `RUN head -c 8 /dev/urandom | md5sum >/made; : ${id}`
      const write = await built(
        `FROM ${BUSYBOX}\n${claim}${layer}\nRUN --mount=${mount} touch ${target}/poison; : w${id}`,
        {
          label: forWork(writer),
        },
      )
      const read = await built(
        `FROM ${BUSYBOX}\n${claim}${layer}\nRUN --mount=${mount} ls -A ${target} >/seen; : r${id}`,
        {
          label: forWork(of),
        },
      )
      expect([write.verdict.ok, read.verdict.ok]).toEqual([true, true])
      const isOne = writer.project === of.project && writer.trust === of.trust
      const seen = await ran(read.digest, 'cat /seen /made', { label: label(of) })
      const made = await ran(write.digest, 'cat /made', { label: label(writer) })
      const bytes = made.text.split('\n')[1] ?? '-'
      expect({ of, writer, poison: seen.text.includes('poison'), layer: seen.text.includes(bytes) }).toEqual({
        of,
        writer,
        poison: isOne,
        layer: isOne,
      })
    },
    30_000,
  )

  it.each([
    ['an old version of the official builder, which knows no namespaces', 'docker/dockerfile:1.0-experimental'],
    ['one before them', 'docker/dockerfile:1.1'],
    ['one that only its digest names', `docker/dockerfile:1@sha256:${'a'.repeat(64)}`],
    ['the one for trying things', 'docker/dockerfile-upstream:master-labs'],
    ['another', 'evil.example/frontend:1'],
  ])('C1: a builder that could share what it likes is refused: %s', async (_what, image) => {
    const dockerfile = `# syntax=${image}\nFROM ${BUSYBOX}`
    for (const over of [{}, { files: commit({}), dockerfile: { text: dockerfile } }]) {
      const { verdict, text } = await built(dockerfile, over)
      expect(verdict).toMatchObject({ ok: false, because: expect.stringMatching(/line 1: .*docker\/dockerfile/) })
      expect(text).toBe('')
    }
  })

  it('C1: a mount of a secret or of ssh keys holds nothing of the engine', async () => {
    // The variable names a socket; there is none behind it. Late in a build, its session with us still has to be there.
    const mounts = '--mount=type=secret,id=x,target=/s --mount=type=ssh'
    const { verdict, text } = await built(
      `FROM ${BUSYBOX}\nRUN sleep 3; : ${fresh()}\nRUN ${mounts} test ! -e /s && test ! -e "$SSH_AUTH_SOCK"`,
    )
    expect([verdict, text]).toEqual([expect.objectContaining({ ok: true }), expect.any(String)])
  })

  it('C1: an argument of the file names no other builder', async () => {
    const { verdict, text } = await built(`ARG BUILDKIT_SYNTAX=evil.example/x\nFROM ${BUSYBOX}\nRUN : ${fresh()}`)
    expect([verdict.ok, text]).toEqual([true, expect.not.stringContaining('evil.example')])
  })
})

describe('an image that others made', () => {
  /** One image of each: another project, a lower class, another installation. */
  const strangers: Record<string, { image: string; digest: string; says: string }> = {}
  const user: Scope = { project: 1, trust: 'release' }

  beforeAll(async () => {
    const made = {
      project: { label: forWork({ project: 2, trust: 'release' }), says: 'built for another project' },
      class: { label: forWork({ project: 1, trust: 'feature' }), says: 'built for a feature branch' },
      installation: { label: forWork({ ...user, instance: other }), says: 'another installation' },
    }
    for (const [name, { label: work, says }] of Object.entries(made)) {
      const one = await built(`FROM ${BUSYBOX}\nRUN echo ${name} >/loot`, {
        label: work,
        image: `${instance}/${name}:run-1`,
      })
      expect(one.verdict.ok).toBe(true)
      strangers[name] = { image: one.image, digest: one.digest, says }
    }
  }, 30_000)

  it.each(['project', 'class', 'installation'])(
    'C3: of another %s is refused in all places',
    async (name) => {
      const { image, digest, says } = strangers[name] as (typeof strangers)[string]
      const refused = { ok: false, because: expect.stringContaining(says) }
      const spelled = [image, `docker.io/${image}`, digest, digest.slice(7), digest.slice(7, 19)]
      for (const spelling of spelled) {
        const order = step('cat /loot', { label: label(user), image: spelling })
        expect([spelling, await engine.run(order, () => {}, never())]).toEqual([
          spelling,
          expect.objectContaining(refused),
        ])
      }
      const service = { name: 'db', image, env: {}, command: null, healthcheck: null }
      const beside = step('true', { label: label(user), services: [service] })
      expect(await engine.run(beside, () => {}, never())).toMatchObject(refused)
      const files = [
        `FROM ${image}`,
        `FROM docker.io/${image}`,
        `ARG A=${image}\nFROM $A`,
        `FROM ${BUSYBOX} AS a\nFROM ${image} AS b\nFROM a\nCOPY --from=b /loot /loot`,
        `FROM ${BUSYBOX}\nCOPY --from=${image} /loot /loot`,
        `FROM ${BUSYBOX}\nCOPY "--from=x" --chown=1:1 /x /y\nCOPY --chown=1:1 \\\n  --from=${image} \\\n  /loot /loot`,
        `FROM ${BUSYBOX}\nRUN --mount=from=${image},target=/l cat /l/loot`,
        `FROM ${BUSYBOX}\nRUN --mount=type=cache,from=${image},target=/l cat /l/loot`,
        `FROM ${BUSYBOX}\nRUN --mount=target=/l,"from=${image}" cat /l/loot`,
      ]
      for (const text of files)
        for (const over of [{}, { files: commit({}), dockerfile: { text } }]) {
          const { verdict, text: log } = await built(text, { label: forWork(user), ...over })
          expect([text, verdict, log]).toEqual([
            text,
            expect.objectContaining(refused),
            expect.not.stringContaining('RUN'),
          ])
        }
    },
    60_000,
  )

  it('C3: is refused in a file that two readers would take for two files', async () => {
    const { image } = strangers.project as (typeof strangers)[string]
    const escaped = image.replace('project', 'projec\\t')
    const deep = (word: string) => Array.from({ length: 14 }, (_, n) => `\${Z${n}:-`).join('') + word + '}'.repeat(14)
    for (const text of [
      `# escape=\`\nFROM ${BUSYBOX}\nCOPY --from=${escaped} /loot /x`,
      `# escape=\`\nFROM ${BUSYBOX}\nRUN --mount=from=${escaped},target=/m cat /m/loot`,
      `\ufeff\ufeff# escape=\`\nFROM ${BUSYBOX}\nRUN true \`\nFROM scratch AS ${image}\nFROM ${BUSYBOX}\nCOPY --from=${image} /loot /x`,
      `FROM ${BUSYBOX} AS s\nCOPY --from=${image} /loot /x\nFROM ${deep('s')}\nCOPY --from=${BUSYBOX} /bin/true /t`,
      `FROM ${deep(image)}\nRUN cat /loot`,
      `FROM ${BUSYBOX}\nCOPY --from=TEST/secret:run-1 /loot /x`,
    ]) {
      const { verdict, text: log } = await built(text, { label: forWork(user) })
      expect([text, verdict.ok, log]).toEqual([text, false, expect.not.stringContaining('RUN cat')])
    }
  })

  it('C3: a stage is told by the name that the file gives it', async () => {
    const seen = await built(`FROM ${BUSYBOX} AS a\nRUN echo a >/a; : ${fresh()}\nFROM scratch\nCOPY --from=a /a /a`)
    expect(seen.verdict.ok).toBe(true)
    expect(seen.text).toContain('[a 2/2] RUN')
  })

  it('C3: is refused where a base brings it along in a trigger', async () => {
    const { image } = strangers.project as (typeof strangers)[string]
    for (const trigger of [`COPY --from=${image} /loot /loot`, `RUN --mount=from=${image},target=/l cat /l/loot`]) {
      const { digest } = await built(`FROM ${BUSYBOX}\nONBUILD ${trigger}\nRUN : ${fresh()}`, { label: forWork(user) })
      await engine.tag(digest, `${instance}/trigger:1`)
      const { verdict } = await built(`FROM ${instance}/trigger:1`, { label: forWork(user) })
      expect(verdict).toMatchObject({ ok: false, because: expect.stringContaining('ONBUILD') })
    }
  })

  it('C3: does not become public by what it says of itself', async () => {
    const lie = `LABEL shiplock.project=1 shiplock.trust=release shiplock.instance=${instance}`
    const made = await built(`FROM ${BUSYBOX}\n${lie}\nONBUILD ${lie}`, {
      label: forWork({ project: 2, trust: 'fork' }),
      image: `${instance}/liar:run-1`,
    })
    expect(made.verdict.ok).toBe(true)
    const { verdict } = await built(`FROM ${made.image}`, { label: forWork(user) })
    expect(verdict).toMatchObject({ ok: false, because: expect.stringContaining('another project') })
  })

  it("C3: the run's own image is used, also one from before classes were written on images", async () => {
    const { digest } = await built(`FROM ${BUSYBOX}\nRUN : own`, { label: forWork(user) })
    expect((await ran(digest, 'true', { label: label(user), own: true })).verdict.ok).toBe(true)
    const old = await docker.createContainer({ Image: BUSYBOX, Cmd: ['true'] })
    const labels = [`shiplock.instance=${instance}`, 'shiplock.project=1', 'shiplock.run=1']
    const { Id } = await old.commit({ changes: labels.map((text) => `LABEL ${text}`).join('\n') })
    await old.remove()
    expect((await ran(Id, 'true', { label: label(user), own: true })).verdict.ok).toBe(true)
    expect((await ran(Id, 'true', { label: label(user) })).verdict.ok).toBe(false)
    expect((await ran(Id, 'true', { label: label({ ...user, project: 2 }), own: true })).verdict.ok).toBe(false)
  })
})

describe('the bases of a build', () => {
  const base = `${instance}/moving:latest`

  /** An image under a name, with a file that says which it is. */
  async function named(content: string, name = base) {
    const container = await docker.createContainer({ Image: BUSYBOX, Cmd: ['sh', '-c', `echo ${content} >/which`] })
    await container.start()
    await container.wait()
    const { Id } = await container.commit({})
    await container.remove()
    await engine.tag(Id, name)
    return Id as string
  }

  it.each([
    ['FROM', `FROM ${base}\nRUN sleep 1; : TURN\nRUN cat /which >/seen`],
    [
      'a later stage',
      `FROM ${BUSYBOX} AS a\nRUN sleep 1; : TURN\nFROM ${base}\nCOPY --from=a /bin/sh /x\nRUN cat /which >/seen`,
    ],
    ['ARG', `ARG NAME=${base}\nFROM $NAME\nRUN sleep 1; : TURN\nRUN cat /which >/seen`],
    ['COPY --from', `FROM ${BUSYBOX}\nRUN sleep 1; : TURN\nCOPY --from=${base} /which /seen`],
    ['RUN --mount', `FROM ${BUSYBOX}\nRUN sleep 1; : TURN\nRUN --mount=from=${base},target=/m cat /m/which >/seen`],
  ])('C5: %s is what the plan resolved, whatever its name means meanwhile', async (_what, text) => {
    const first = await named('first')
    const bases = [{ image: base, digest: await engine.baseDigest(base) }]
    await named('second') // between the plan and the build
    const { log, text: said, saw } = keptLog()
    const turned = text.replace('TURN', fresh())
    const building = engine.build(build(turned, { bases }), log, never())
    await saw('sleep 1')
    await named('third') // and during it
    const verdict = await building
    expect(verdict).toMatchObject({ ok: true, bases: expect.arrayContaining([{ image: base, digest: first }]) })
    expect(said()).not.toContain('shiplock.invalid')
    const { text: seen } = await ran(verdict.ok ? verdict.digest : '', 'cat /seen')
    expect(seen).toContain('\nfirst\n')
  })

  it('C5: what a lost attempt has finished is taken only if it was built from the same base', async () => {
    await named('first')
    const of = (digest: string | null) => build(`FROM ${base}\nRUN : `, { bases: [{ image: base, digest }] })
    const lost = of(await engine.baseDigest(base))
    expect(await engine.build(lost, () => {}, never())).toMatchObject({ ok: true })
    await named('second')
    const again = { ...lost, bases: of(await engine.baseDigest(base)).bases }
    const verdict = await engine.build(again, () => {}, never())
    expect(verdict).toMatchObject({ ok: true, bases: again.bases })
    const { text: seen } = await ran(verdict.ok ? verdict.digest : '', 'cat /which')
    expect(seen).toContain('\nsecond\n')
  })

  it('C5: a base that is no longer there is told, with what to do', async () => {
    const gone = `sha256:${'0'.repeat(64)}`
    const { verdict } = await built(`FROM ${base}`, { bases: [{ image: base, digest: gone }] })
    expect(verdict).toMatchObject({
      ok: false,
      because: expect.stringMatching(/was sha256:0+ when this run was planned.*run it again/),
    })
  })

  it('C5: what the plan could not name is looked up, and told', async () => {
    const id = await named('late')
    const { verdict } = await built(`FROM ${base}\nRUN : ${fresh()}`, { bases: [{ image: base, digest: null }] })
    expect(verdict).toMatchObject({ ok: true, bases: [{ image: base, digest: id }] })
  })

  it('C5: caching, documents of the commit, .dockerignore and the line of an error stay as they were', async () => {
    const id = fresh()
    const files = (more: string) =>
      commit({
        Dockerfile: `# comment\nFROM \\\n  # within\n  ${BUSYBOX} AS one\nRUN head -c 8 /dev/urandom | \\\n\n    md5sum >/made; : ${id}\nCOPY . /app\nRUN test "$(ls -A /app | tr '\\n' ' ')" = "$(printf '.dockerignore Dockerfile a.txt ')"\n${more}`,
        '.dockerignore': 'secret*\n',
        'a.txt': 'a',
        'secret.key': 'x',
      })
    const one = await built('', { files: files('') })
    expect(one.verdict).toMatchObject({ ok: true })
    const two = await built('', { files: files('') })
    expect(two.digest && (await ran(two.digest, 'cat /made')).text).toBe((await ran(one.digest, 'cat /made')).text)
    const wrong = await built('', { files: files('WRONG instruction') })
    expect(wrong.verdict).toMatchObject({
      ok: false,
      because: expect.stringMatching(/line 10.*unknown instruction: WRONG/),
    })
  })

  it('C5: a stage that nothing is made of asks for no image', async () => {
    const { verdict } = await built(`FROM localhost:1/no/such:1 AS unused\nFROM ${BUSYBOX}\nRUN : ${fresh()}`)
    expect(verdict).toMatchObject({ ok: true })
  })

  it('F1: automatic arguments are known, one without a value is empty, and what is no name is the builder’s to say', async () => {
    await named('linux', `${instance}/base-linux:latest`)
    for (const text of [`FROM ${instance}/base-$TARGETOS`, `ARG V\nFROM ${instance}/base-linux$V`])
      expect((await built(`${text}\nRUN : ${fresh()}`)).verdict).toMatchObject({ ok: true })
    for (const text of ['FROM $NOTHING', 'FROM UPPER case', `ARG V\nFROM ${BUSYBOX}:$V`])
      expect((await built(text)).verdict).toMatchObject({
        ok: false,
        because: expect.stringContaining('the build failed'),
      })
  })
})

describe('what the builder reaches', () => {
  let server: Server
  let port = 0
  const asked: string[] = []

  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? '')
      response.end('the host itself')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => server.close())

  it("C6: nothing is fetched from the host's own loopback by an ADD, however it is written", async () => {
    const url = `http://127.0.0.1:${port}/x`
    const { digest } = await built(`FROM ${BUSYBOX}\nENV URL=${url}\nRUN : ${fresh()}`)
    await engine.tag(digest, `${instance}/env:1`)
    const files = [
      `FROM ${BUSYBOX}\nADD ${url} /y`,
      `FROM ${BUSYBOX}\nADD ["${url}", "/y"]`,
      `FROM ${BUSYBOX}\nADD h"tt"p://127.0.0.1:${port}/x /y`,
      `FROM ${BUSYBOX}\nADD ht\\tp://127.0.0.1:${port}/x /y`,
      `FROM ${BUSYBOX}\nADD --chown=1:1 Dockerfile ${url} /y/`,
      `FROM ${BUSYBOX}\nADD \\\n ${url} \\\n /y`,
      `FROM ${BUSYBOX}\nARG U=${url}\nADD $U /y`,
      `FROM ${BUSYBOX}\nENV U=127.0.0.1:${port}/x\nADD http://$U /y`,
      `FROM ${BUSYBOX}\nENV U=http\nADD \${U}://127.0.0.1:${port}/x /y`,
      `FROM ${instance}/env:1\nADD $URL /y`,
      `FROM ${BUSYBOX}\nONBUILD ADD ${url} /y`,
      `FROM ${BUSYBOX}\nRUN : <<#x\nADD ${url} /y\n#x`,
      `FROM ${BUSYBOX}\nRUN : \\\u00a0\nADD ${url} /y`,
      `FROM ${BUSYBOX}\nRUN : \\\n\ufeff# x\nADD ${url} /y`,
      `#${' '.repeat(600)}escape=\`\nFROM ${BUSYBOX}\nRUN : \\\nADD ${url} /y`,
    ]
    for (const text of files)
      for (const over of [{}, { files: commit({ Dockerfile: 'x' }), dockerfile: { text } }]) {
        const { verdict } = await built(text, over)
        expect([text, verdict.ok]).toEqual([text, false])
      }
    expect(asked).toEqual([])
    const { verdict } = await built(`FROM ${BUSYBOX}\nRUN true\nADD ${url} /y`)
    expect(verdict).toMatchObject({
      because: expect.stringMatching(/Dockerfile, line 3: ADD of .*RUN \(curl, wget, git\)/),
    })
  }, 60_000)

  it('C6: an ADD of files of the commit stays as it was, with variables too', async () => {
    const text = `FROM ${BUSYBOX}\nARG A=a.txt\nENV B=/b.txt\nADD $A \${B} "c.txt" /here/\nADD ["a.txt", "/and/"]\nRUN cat /here/a.txt /here/b.txt /here/c.txt /and/a.txt; : ${fresh()}`
    const files = commit({ Dockerfile: text, 'a.txt': 'a', 'b.txt': 'b', 'c.txt': 'c' })
    expect((await built('', { files })).verdict).toMatchObject({ ok: true })
  })
})
