import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { TARGETS } from '../../environments/targets/index'
import type { Deployment } from '../../environments/targets/target'

const of: Deployment = {
  instance: 'test-down',
  project: 1,
  environment: 'test',
  service: 'hello',
  release: 1,
  promotion: 1,
  epoch: 1,
  digest: `sha256:${'0'.repeat(64)}`,
  commit: 'c',
  version: '1.0',
  replicas: 1,
  ports: [8085],
  healthcheck: null,
  env: {},
  limits: { memoryBytes: 1024 ** 3, cpus: 1, pids: 64 },
  monitor: 0,
}

describe('engine down is a Fault', () => {
  it('for every verb, and it says what to do', async () => {
    const down = TARGETS.docker({ kind: 'docker', host: `unix:///tmp/nobody-listens-${process.pid}.sock` })
    const fault = { code: 'target.unreachable', message: expect.stringContaining('Check that the engine runs') }
    await expect(down.ensureReady()).rejects.toMatchObject(fault)
    await expect(down.apply(of, () => {}, new AbortController().signal)).rejects.toMatchObject(fault)
    await expect(down.observe(of)).rejects.toMatchObject(fault)
    await expect(down.removeAll(of.instance)).rejects.toMatchObject(fault)
    await expect(down.lacks(of.digest)).rejects.toMatchObject(fault)
  })

  it('also where the connection dies half-way through an answer', async () => {
    const server = createServer((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nO')),
    ).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const dying = TARGETS.docker({ kind: 'docker', host: `tcp://127.0.0.1:${port}` })
    await expect(dying.ensureReady()).rejects.toMatchObject({ code: 'target.unreachable' })
    server.close()
  }, 10_000)
})

it('an engine without addresses for one more network is asked again later, and says what to do', async () => {
  const words =
    'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network'
  const full = createHttpServer((request, response) => {
    const creating = request.url?.startsWith('/networks/create')
    response.writeHead(creating ? 500 : 200, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify(creating ? { message: words } : request.url?.includes('/images/') ? { Id: of.digest } : []),
    )
  }).listen(0, '127.0.0.1')
  await once(full, 'listening')
  const { port } = full.address() as { port: number }
  const target = TARGETS.docker({ kind: 'docker', host: `tcp://127.0.0.1:${port}` })
  await expect(target.apply(of, () => {}, new AbortController().signal)).rejects.toMatchObject({
    code: 'too.many',
    message: expect.stringContaining('docker network prune'),
  })
  full.close()
})
