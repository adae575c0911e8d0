import type Docker from 'dockerode'
import { ask, saidNo } from './docker-engine'
import { type Container, readContainer } from './docker-replica'

/** The containers that carry all these labels, running or not; one that goes away meanwhile is left out. */
export async function findContainers(docker: Docker, label: readonly string[]): Promise<Container[]> {
  const options = { all: true, filters: { label: [...label] } }
  const listed = await ask('list containers', docker.listContainers(options))
  const found = await Promise.all(listed.map((c) => lookAt(docker, c.Id)))
  return found.filter((c) => c !== null)
}

/** Reads one container; null: it is gone, or being removed. */
export async function lookAt(docker: Docker, id: string): Promise<Container | null> {
  try {
    const info = await ask('inspect a container', docker.getContainer(id).inspect())
    return info.State.Status === 'removing' || info.State.Dead ? null : readContainer(info)
  } catch (error) {
    if (saidNo(error)?.status === 404) return null
    throw error
  }
}
