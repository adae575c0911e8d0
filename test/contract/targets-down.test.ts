import { once } from 'node:events'
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
}

describe('engine down is a Fault', () => {
  it('for every verb, and it says what to do', async () => {
    const down = TARGETS.docker({ kind: 'docker', host: `unix:///tmp/nobody-listens-${process.pid}.sock` })
    const fault = { code: 'target.unreachable', message: expect.stringContaining('Check that the engine runs') }
    await expect(down.ensureReady()).rejects.toMatchObject(fault)
    await expect(down.apply(of, () => {}, new AbortController().signal)).rejects.toMatchObject(fault)
    await expect(down.observe(of)).rejects.toMatchObject(fault)
    await expect(down.removeAll(of.instance)).rejects.toMatchObject(fault)
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
