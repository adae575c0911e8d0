import { Readable } from 'node:stream'
import { type DockerApi, hasStatus } from './docker-api'
import { WORKSPACE } from './docker-container'
import { stream } from './docker-context'
import { readTar, TAR_END, tarEntry, withOwner } from './docker-tar'
import type { Files } from './engine'

interface Owner {
  uid: number
  gid: number
}

const ROOT: Owner = { uid: 0, gid: 0 }
const PUT_MS = 300_000
const MOST_READ = 2 ** 20

/**
 * Streams the commit's files into /workspace of a container that is not started yet; gives the bytes sent. They belong to
 * the image's user: a step holds no capability, so not even root may write what is another's. So do `folders`, which are
 * where caches are mounted, and are open to all who may mount them.
 */
export async function putWorkspace(
  api: DockerApi,
  id: string,
  files: Files | null,
  folders: readonly string[],
  user: string,
  signal: AbortSignal,
): Promise<number> {
  if (files === null && folders.length === 0) return 0
  const owner = await ownerOf(api, id, user)
  let bytes = 0
  let broken: unknown = null
  // One copy, with the folders in it: each copy costs the engine a mount and a process of its own.
  const prefixed: Files = () => files?.(`${WORKSPACE.slice(1)}/`) ?? Readable.from([])
  const file = stream(prefixed, async function* (source) {
    for await (const part of readTar(source)) {
      bytes += part.data?.length ?? 512
      yield part.raw ? withOwner(part.raw, owner.uid, owner.gid, part.raw.length - 512) : part.data
    }
    for (const folder of folders) yield tarEntry({ name: `${folder.slice(1)}/`, mode: 0o777, ...owner })
    yield TAR_END
  })
  file.on('error', (error) => {
    broken = error
  })
  try {
    await put(api, id, '/', file, signal)
  } catch (error) {
    throw broken ?? error
  } finally {
    file.destroy()
  }
  return bytes
}

const put = (api: DockerApi, id: string, path: string, file: NodeJS.ReadableStream, signal: AbortSignal) =>
  api.text({ method: 'PUT', path: `/containers/${id}/archive`, query: { path }, file, signal, deadlineMs: PUT_MS })

/** `user` as in an image: empty, a name or a number, with or without a group. Names are looked up in the image itself. */
async function ownerOf(api: DockerApi, id: string, user: string): Promise<Owner> {
  const [name = '', group] = user.split(':')
  if (name === '' || name === 'root' || name === '0') return ROOT
  const passwd = (await readContainerFile(api, id, '/etc/passwd')) ?? ''
  const rows = passwd.split('\n').map((line) => line.split(':'))
  const row = rows.find((fields) => fields[0] === name || fields[2] === name)
  const uid = Number(row?.[2] ?? name)
  const gid = Number(group ?? row?.[3] ?? 0)
  return { uid: Number.isInteger(uid) ? uid : 0, gid: Number.isInteger(gid) ? gid : 0 }
}

/** A small plain file out of a container, also a stopped one; null when there is none, or it is something else. */
export async function readContainerFile(api: DockerApi, id: string, path: string): Promise<string | null> {
  try {
    const answer = await api.open({ method: 'GET', path: `/containers/${id}/archive`, query: { path } })
    try {
      const chunks: Buffer[] = []
      let size = 0
      for await (const part of readTar(answer as AsyncIterable<Buffer>)) {
        if (part.header.type !== '0' || part.header.size > MOST_READ) return null
        size = part.header.size
        if (part.data) chunks.push(part.data)
      }
      return Buffer.concat(chunks).subarray(0, size).toString()
    } finally {
      answer.destroy()
    }
  } catch (error) {
    if (hasStatus(error, 404)) return null
    throw error
  }
}
