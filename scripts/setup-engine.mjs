// The Docker engine: asks whether it answers, and starts the one that is installed.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runLogged } from './setup-run.mjs'

const SOCKET = '/var/run/docker.sock'
const LOG = '/var/log/shiplock-dockerd.log'
const PING_MS = 2_000
const START_MS = 60_000

/** DOCKER_HOST where it names another engine than this machine's usual one, else ''. */
export const engineHost = () => {
  const host = process.env.DOCKER_HOST ?? ''
  return /^unix:\/\/(\/var)?\/run\/docker\.sock$/.test(host) ? '' : host
}

/** @returns {Promise<'answers' | 'denied' | 'silent'>} */
export function engineAnswer() {
  const host = engineHost()
  if (host.startsWith('ssh://')) return Promise.resolve('answers') // reached by ssh alone: what uses it will say
  return new Promise((resolve) => {
    const request = ping(host, (response) => {
      response.resume()
      resolve(response.statusCode === 200 ? 'answers' : 'silent')
    })
    request.setTimeout(PING_MS, () => request.destroy(new Error('no answer')))
    request.once('error', (error) => resolve('code' in error && error.code === 'EACCES' ? 'denied' : 'silent'))
    request.end()
  })
}

function ping(host, onResponse) {
  const options = { path: '/_ping', agent: false }
  if (host === '' || host.startsWith('unix://'))
    return http.request({ ...options, socketPath: host.slice(7) || SOCKET }, onResponse)
  const { hostname, port } = new URL(host.replace(/^tcp:/, 'http:'))
  if (!process.env.DOCKER_TLS_VERIFY) return http.request({ ...options, hostname, port: port || 2375 }, onResponse)
  const certificates = process.env.DOCKER_CERT_PATH ?? path.join(process.env.HOME ?? '', '.docker')
  const read = (name) => fs.readFileSync(path.join(certificates, name))
  return https.request(
    { ...options, hostname, port: port || 2376, ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') },
    onResponse,
  )
}

/**
 * For an engine that we install ourselves, before it is: its own default has room for thirty networks, and every environment
 * of a project is one. Settings that somebody has written are left alone.
 */
export function writeEngineSettings(file = '/etc/docker/daemon.json') {
  if (fs.existsSync(file)) return
  const pools = ['172.17.0.0/16', '172.18.0.0/16', '192.168.0.0/16'].map((base) => ({ base, size: 24 }))
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, `${JSON.stringify({ 'default-address-pools': pools }, null, 2)}\n`)
}

/** By the system's own way where that works, else by hand. Throws with the end of the engine's log when it does not come up. */
export async function startEngine() {
  if (fs.existsSync('/run/systemd/system')) {
    if (await tryTo('systemctl', ['start', 'docker'])) return
  } else {
    removeStalePid('/var/run/docker.pid', 'dockerd')
    removeStalePid('/var/run/docker/containerd/containerd.pid', 'containerd')
    if (fs.existsSync('/etc/init.d/docker') && (await tryTo('service', ['docker', 'start']))) return
  }
  spawnEngine()
  if (await answersWithin(START_MS)) return
  const tail = fs.readFileSync(LOG, 'utf8').trimEnd().split('\n').slice(-15).join('\n')
  throw new Error(`dockerd did not answer within ${START_MS / 1000} s:\n${tail}\n(all of it: ${LOG})`)
}

async function tryTo(program, args) {
  try {
    await runLogged(program, args, { name: 'docker-start', timeoutMs: 30_000 })
  } catch {
    return false // no such service, or its script wants rights that a container has not: the next way is tried
  }
  return await answersWithin(15_000)
}

/** A machine that was cut off leaves pid files, and dockerd refuses to start while any process has that number. */
function removeStalePid(file, name) {
  if (!fs.existsSync(file)) return
  const comm = `/proc/${fs.readFileSync(file, 'utf8').trim()}/comm`
  if (!fs.existsSync(comm) || fs.readFileSync(comm, 'utf8').trim() !== name) fs.rmSync(file, { force: true })
}

function spawnEngine() {
  const log = fs.openSync(LOG, 'a')
  // Apart from this process, its terminal and its folder: it stays when the set-up ends.
  const child = spawn('dockerd', [], { detached: true, cwd: '/', stdio: ['ignore', log, log] })
  child.once('error', (error) => fs.appendFileSync(LOG, `${error.message}\n`))
  child.unref()
  fs.closeSync(log)
}

async function answersWithin(ms) {
  for (const deadline = Date.now() + ms; Date.now() < deadline; await sleep(200)) {
    if ((await engineAnswer()) === 'answers') return true
  }
  return false
}
