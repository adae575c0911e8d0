import { Fault } from '../fault'
import { type DockerApi, hasStatus, Refusal } from './docker-api'
import type { ContainerSpec } from './docker-container'

export async function createContainer(api: DockerApi, { name, body }: ContainerSpec): Promise<string> {
  const create = () => api.json<{ Id: string }>({ method: 'POST', path: '/containers/create', query: { name }, body })
  try {
    return (await create()).Id
  } catch (error) {
    if (hasStatus(error, 404))
      throw new Fault('image.missing', `The image ${body.Image} has left the store`, { cause: error })
    throw error
  }
}

/** Null when it runs; a refusal that lies in the image or the network is given back, any other is thrown. */
export async function startContainer(api: DockerApi, id: string): Promise<Refusal | null> {
  try {
    await api.text({ method: 'POST', path: `/containers/${id}/start`, deadlineMs: 60_000 })
    return null
  } catch (error) {
    if (error instanceof Refusal && (isNetworkGone(error) || isImagesFault(error))) return error
    throw error
  }
}

/** Or there are two of its name, for as long as the maker of the second takes to remove it. */
export const isNetworkGone = ({ status, message }: Refusal) =>
  (status === 404 && /network/.test(message)) || (status === 400 && /network .* is ambiguous/.test(message))

/** No /bin/sh, a workdir that is a file, an unknown user: runc's or the engine's words about what is in the image. */
export const isImagesFault = ({ message }: Refusal) =>
  /executable file not found|no such file or directory|exec format error|not a directory|permission denied|unable to find user|no matching entries/i.test(
    message,
  )
