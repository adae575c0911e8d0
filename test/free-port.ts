import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A port that is free at this moment, for what must know its own address before it listens. */
export const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
