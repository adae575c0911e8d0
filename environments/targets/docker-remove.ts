import type Docker from 'dockerode'
import { ask, askUnlessDone, saidNo } from './docker-engine'
import { type Container, ofInstance } from './docker-replica'

/** What a serving replica gets to finish its requests: SIGTERM, then SIGKILL after this many seconds. */
const GRACE_S = 10

/** 404: it is gone already. 409: somebody else is removing it. */
const GONE = [404, 409]

/** Stops and removes them, all at once. With `gently` false they are killed: nobody was being served. */
export async function removeContainers(
  docker: Docker,
  containers: readonly Pick<Container, 'id'>[],
  gently: boolean,
): Promise<void> {
  await Promise.all(
    containers.map(async ({ id }) => {
      const container = docker.getContainer(id)
      if (gently) await askUnlessDone('stop a container', container.stop({ t: GRACE_S }), [304, ...GONE])
      await askUnlessDone('remove a container', container.remove({ force: true, v: true }), GONE)
    }),
  )
}

/** Every deployed container of this instance, then the networks that held them. Safe twice. */
export async function removeEverything(docker: Docker, instance: string): Promise<void> {
  const filters = { label: ofInstance(instance) }
  const containers = await ask('list containers', docker.listContainers({ all: true, filters }))
  await removeContainers(
    docker,
    containers.map((c) => ({ id: c.Id })),
    false,
  )
  const networks = await ask('list networks', docker.listNetworks({ filters }))
  await Promise.all(networks.map((n) => removeNetwork(docker, n.Id)))
}

/** A step that verifies what was deployed may still be on it: it is taken off, for nothing is left to verify. */
async function removeNetwork(docker: Docker, id: string): Promise<void> {
  const network = docker.getNetwork(id)
  try {
    const { Containers = {} } = await ask('inspect a network', network.inspect())
    const leave = (Container: string) =>
      askUnlessDone('empty a network', network.disconnect({ Container, Force: true }), [403, 404])
    await Promise.all(Object.keys(Containers).map(leave))
  } catch (error) {
    if (saidNo(error)?.status !== 404) throw error
  }
  await askUnlessDone('remove a network', network.remove(), [404])
}
