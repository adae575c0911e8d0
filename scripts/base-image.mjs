// Base images out of what this machine has, for places where nothing can be pulled: a Node base from the running node
// and the libraries it is linked with, and a busybox base. Whoever can pull writes `FROM node:22` and never needs this.
// Node built-ins only, no Docker command line: it runs before anything is installed.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, realpath, stat } from 'node:fs/promises'
import http from 'node:http'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const LABEL = 'shiplock.base' // holds what the image was made of: a rerun compares it and makes nothing
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const CALL_MS = 15_000
const IMPORT_MS = 120_000

/**
 * Makes `shiplock-demo/node:local` (the running node, /bin/sh, user `node`) unless it is there already.
 * Throws an Error that says what to do when there is no engine or no static busybox.
 * @param {{ dockerHost?: string | undefined }} [options] as DOCKER_HOST; absent: that, else the local socket
 * @returns {Promise<{ image: string, made: boolean, ms: number }>}
 */
export async function ensureNodeBase({ dockerHost = process.env.DOCKER_HOST } = {}) {
  const image = 'shiplock-demo/node:local'
  return ensure(dockerHost, image, `node-${process.version}-${process.arch}`, async () => {
    const node = await realpath(process.execPath)
    return [...(await linkedFiles(node)), { path: 'usr/local/bin/node', from: node, mode: 0o755 }]
  })
}

/**
 * Makes `shiplock-demo/busybox:latest` unless it is there already.
 * @param {{ dockerHost?: string | undefined }} [options] as DOCKER_HOST; absent: that, else the local socket
 * @returns {Promise<{ image: string, made: boolean, ms: number }>}
 */
export async function ensureBusyboxBase({ dockerHost = process.env.DOCKER_HOST } = {}) {
  return ensure(dockerHost, 'shiplock-demo/busybox:latest', 'busybox', async () => [])
}

async function ensure(dockerHost, image, recipe, extraFiles) {
  const started = performance.now()
  const ms = () => Math.round(performance.now() - started)
  const busybox = await staticBusybox()
  const { size, mtimeMs } = await stat(busybox)
  const key = createHash('sha256').update(`2 ${recipe} ${size} ${mtimeMs}`).digest('hex').slice(0, 16)
  const known = await engine(dockerHost, 'GET', `/images/${encodeURIComponent(image)}/json`)
  if (known.status === 200 && JSON.parse(known.text).Config?.Labels?.[LABEL] === key)
    return { image, made: false, ms: ms() }
  const entries = [...(await baseEntries(busybox)), ...(await extraFiles())]
  await importImage(dockerHost, image, key, entries)
  return { image, made: true, ms: ms() }
}

// ——— what goes in ———

async function baseEntries(busybox) {
  const { stdout } = await run(busybox, ['--list'], { timeout: CALL_MS })
  const applets = stdout.split('\n').filter((name) => name && name !== 'busybox')
  const text = (path, body) => ({ path, body: Buffer.from(body), mode: 0o644 })
  return [
    ...['bin', 'dev', 'etc', 'home', 'proc', 'root', 'sys', 'usr', 'usr/bin', 'usr/local', 'usr/local/bin', 'var'].map(
      (path) => ({ path, directory: true, mode: path === 'root' ? 0o700 : 0o755 }),
    ),
    { path: 'home/node', directory: true, mode: 0o755, uid: 1000 },
    { path: 'tmp', directory: true, mode: 0o1777 },
    { path: 'var/tmp', directory: true, mode: 0o1777 },
    text('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000:node:/home/node:/bin/sh\n'),
    text('etc/group', 'root:x:0:\nnode:x:1000:\n'),
    { path: 'bin/busybox', from: busybox, mode: 0o755 },
    ...applets.map((name) => ({ path: `bin/${name}`, link: '/bin/busybox' })),
    { path: 'usr/bin/env', link: '/bin/busybox' },
  ]
}

async function staticBusybox() {
  for (const path of ['/bin/busybox', '/usr/bin/busybox', '/usr/local/bin/busybox']) {
    const there = await access(path).then(
      () => true,
      () => false,
    )
    if (there && (await linkedFiles(path)).length === 0) return path
  }
  throw new Error(
    'No static busybox on this machine, and a base image needs one for /bin/sh: ' +
      'apt-get install -y --no-install-recommends busybox-static',
  )
}

/** The libraries and the loader that `ldd` names, each under its own path; none for a static binary. */
async function linkedFiles(binary) {
  const { stdout } = await run('ldd', [binary], { timeout: CALL_MS }).catch((error) => {
    if (/not a dynamic executable/.test(`${error.stdout}${error.stderr}`)) return { stdout: '' }
    throw new Error(`ldd ${binary} failed: ${error.message}`)
  })
  if (/not found/.test(stdout))
    throw new Error(`${binary} lacks a library: ${stdout.match(/^.*not found.*$/m)?.[0].trim()}`)
  const paths = [...stdout.matchAll(/(?:=>\s+)?(\/\S+)\s+\(0x/g)].map((match) => match[1])
  return Promise.all(
    [...new Set(paths)].map(async (path) => ({ path: path.slice(1), from: await realpath(path), mode: 0o755 })),
  )
}

// ——— a small tar writer (ustar): names over 100 bytes do not occur here ———

async function* tar(entries) {
  const made = new Set(entries.filter((entry) => entry.directory).map((entry) => entry.path))
  for (const entry of entries) {
    for (const parent of parents(entry.path)) {
      if (made.has(parent)) continue
      made.add(parent)
      yield tarHeader({ path: parent, directory: true, mode: 0o755 }, 0)
    }
    const size = entry.from ? (await stat(entry.from)).size : (entry.body?.length ?? 0)
    yield tarHeader(entry, size)
    if (entry.from) yield* createReadStream(entry.from)
    else if (entry.body) yield entry.body
    if (size % 512) yield Buffer.alloc(512 - (size % 512))
  }
  yield Buffer.alloc(1024)
}

const parents = (path) => {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'))
}

function tarHeader({ path, directory, link, mode = 0o777, uid = 0 }, size) {
  const name = directory ? `${path}/` : path
  if (Buffer.byteLength(name) > 100) throw new Error(`path too long for this tar writer: ${name}`)
  const header = Buffer.alloc(512)
  const octal = (value, at, length) => header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at)
  header.write(name, 0)
  octal(mode, 100, 8)
  octal(uid, 108, 8)
  octal(uid, 116, 8)
  octal(size, 124, 12)
  octal(0, 136, 12) // a fixed time: the same files make the same layer
  header.write(directory ? '5' : link ? '2' : '0', 156)
  if (link) header.write(link, 157)
  header.write('ustar\x0000', 257, 'latin1')
  header.fill(' ', 148, 156)
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  return header
}

// ——— the engine's HTTP API ———

async function importImage(dockerHost, image, key, entries) {
  const query = new URLSearchParams({ fromSrc: '-', repo: image.split(':')[0], tag: image.split(':')[1] })
  for (const change of [`ENV PATH=${PATH}`, 'WORKDIR /', 'CMD ["/bin/sh"]', `LABEL ${LABEL}=${key}`]) {
    query.append('changes', change)
  }
  const answer = await engine(dockerHost, 'POST', `/images/create?${query}`, Readable.from(tar(entries)), IMPORT_MS)
  const refused = answer.text.split('\n').find((line) => line.includes('"error"'))
  if (answer.status !== 200 || refused) throw new Error(`the engine did not take ${image}: ${refused ?? answer.text}`)
}

function engine(dockerHost, method, path, body, deadlineMs = CALL_MS) {
  const address = engineAddress(dockerHost)
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(deadlineMs)
    const headers = body ? { 'Content-Type': 'application/x-tar' } : {}
    const fail = (error) =>
      reject(new Error(`Docker does not answer at ${address.where}: ${error.message}`, { cause: error }))
    const request = http.request(
      { ...address.options, method, path, headers, signal, agent: false },
      async (response) => {
        try {
          response.setEncoding('utf8')
          let text = ''
          for await (const chunk of response) text = (text + chunk).slice(-1_000_000)
          resolve({ status: response.statusCode, text })
        } catch (error) {
          fail(error)
        }
      },
    )
    request.on('error', fail)
    if (!body) return request.end()
    body.on('error', (error) => {
      request.destroy()
      reject(error)
    })
    body.pipe(request)
  })
}

function engineAddress(dockerHost) {
  const where = dockerHost || 'unix:///var/run/docker.sock'
  if (where.startsWith('unix://')) return { where, options: { socketPath: where.slice(7) || '/var/run/docker.sock' } }
  const url = new URL(where)
  if (url.protocol === 'tcp:' && process.env.DOCKER_TLS_VERIFY !== '1') {
    return { where, options: { host: url.hostname, port: url.port || 2375 } }
  }
  throw new Error(
    `base-image.mjs speaks to unix:// and plain tcp:// engines; DOCKER_HOST is ${basename(url.protocol)}…`,
  )
}

if (process.argv[1] && (await realpath(process.argv[1])) === fileURLToPath(import.meta.url)) {
  try {
    for (const make of [ensureBusyboxBase, ensureNodeBase]) {
      const { image, made, ms } = await make()
      console.log(`${image} ${made ? 'made' : 'was there'} (${ms} ms)`)
    }
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
