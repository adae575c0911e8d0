import { z } from 'zod'

const NOT_ONE_ADDRESS =
  'name one address that this release is reached at: this one would publish it on every network of the host'
const oneAddress = (address: string) => address !== '0.0.0.0' && !/^[0:]+$/.test(address)

/** How a Docker engine is reached, and where what it runs is published. Part of an environment's policy. */
export const DockerSettings = z.strictObject({
  kind: z.literal('docker'),
  /**
   * `unix:///path`, a path, or `tcp://host:port`; absent: DOCKER_HOST, else the local socket. Whoever reaches an engine
   * owns its host: `tcp://` here is without TLS and belongs on loopback or a private network. For TLS leave `host` out
   * and set DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.
   */
  host: z
    .string()
    .max(200)
    .regex(/^(unix:\/\/\/.|\/.|tcp:\/\/[^/@\s]+:\d+$)/, 'must be unix:///path, /path or tcp://host:port')
    .optional(),
  /** The IP that ports are published on, and that health is asked at from here. */
  address: z
    .union([z.ipv4(), z.ipv6()], 'must be an IP address')
    .refine(oneAddress, NOT_ONE_ADDRESS)
    .default('127.0.0.1'),
})
export type DockerSettings = z.infer<typeof DockerSettings>
