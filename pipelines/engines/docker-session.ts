import { randomUUID } from 'node:crypto'
import http2, { type ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type Docker from 'dockerode'

/** What a build asks its client for. Nothing is given: registries are asked without a name, and there are no secrets. */
export interface Session {
  id: string
  close: () => void
}

/**
 * gRPC answers, as HTTP/2: a frame of the message, and the status in the trailers. BuildKit asks for the health each second and
 * drops a session that does not say that it serves: a step that needs one later would fail.
 */
const ANSWERS: Record<string, Buffer> = {
  '/grpc.health.v1.Health/Check': Buffer.from([0x08, 0x01]), // status: SERVING
  '/moby.filesync.v1.Auth/Credentials': Buffer.alloc(0),
}
const UNIMPLEMENTED = '12'

export function openSession(docker: Docker): Promise<Session> {
  const id = randomUUID()
  const ask = {
    method: 'POST',
    path: '/session',
    hijack: true,
    headers: { Upgrade: 'h2c', 'X-Docker-Expose-Session-Uuid': id, 'X-Docker-Expose-Session-Name': 'shiplock' },
    statusCodes: { 200: true, 500: 'server error' },
    options: {},
  }
  return new Promise((resolve, reject) => {
    docker.modem.dial(ask as never, (error: Error | null, connection: unknown) => {
      if (error) return reject(error)
      const socket = connection as Duplex
      const session = http2.performServerHandshake(socket)
      session.on('stream', answer)
      session.on('error', () => socket.destroy()) // the engine is lost: the build's own answer tells it
      socket.on('error', () => session.destroy())
      resolve({
        id,
        close: () => {
          session.destroy()
          socket.destroy()
        },
      })
    })
  })
}

function answer(stream: ServerHttp2Stream, headers: http2.IncomingHttpHeaders) {
  const message = ANSWERS[headers[':path'] ?? '']
  stream.on('error', () => {}) // the engine asked, and has gone meanwhile
  stream.resume()
  const status = message === undefined ? UNIMPLEMENTED : '0'
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }))
  if (message === undefined) return stream.end()
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  stream.end(Buffer.concat([prefix, message]))
}
