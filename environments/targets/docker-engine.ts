import Docker from 'dockerode'
import { Fault } from '../../pipelines/fault'
import type { DockerSettings } from './docker-settings'

/** No request to an engine is waited for longer than this (ms); stopping containers, the slowest, takes 10 s. */
const DEADLINE = 60_000
const MAX_WORDS = 500

/** A client of the engine that the settings name. It connects with the first request, not here. */
export function connect(settings: DockerSettings): Docker {
  if (!settings.host) return new Docker()
  // dockerode lays these over DOCKER_HOST: an undefined `host` is needed, or the variable's host would win over our socket.
  const none = {
    host: undefined,
    port: undefined,
    socketPath: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
  }
  if (settings.host.startsWith('tcp://')) {
    const { hostname, port } = new URL(settings.host)
    return new Docker({ ...none, protocol: 'http', host: hostname, port: Number(port) })
  }
  return new Docker({ ...none, protocol: 'http', socketPath: settings.host.replace(/^unix:\/\//, '') })
}

/**
 * Waits for an engine's answer, with a deadline of its own: the client never calls back when a connection dies half-way
 * through an answer. Throws target.unreachable (no answer) or engine.refused (an answer that says no: see `saidNo`).
 */
export async function ask<T>(what: string, answer: Promise<T>, deadline = DEADLINE): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${deadline / 1000} s`)), deadline)
  })
  try {
    return await Promise.race([answer, late])
  } catch (cause) {
    const no = answered(cause)
    if (no && no.status !== 503)
      throw new Fault('engine.refused', `The Docker engine refused to ${what}: ${no.words}`, { cause })
    const words = no?.words ?? clean(cause instanceof Error ? cause.message : String(cause), MAX_WORDS)
    const remedy = 'Check that the engine runs and that this process may use its socket.'
    throw new Fault('target.unreachable', `The Docker engine did not ${what}: ${words}. ${remedy}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

/** The engine's own status and words, where it answered and the answer was no; null for every other error. */
export const saidNo = (error: unknown) =>
  error instanceof Fault && error.code === 'engine.refused' ? answered(error.cause) : null

/** As `ask`, for what is fine when it is so already: 304 stopped, 404 gone, 409 being removed by somebody else. */
export async function askUnlessDone(what: string, answer: Promise<unknown>, done: readonly number[]): Promise<void> {
  try {
    await ask(what, answer)
  } catch (error) {
    const no = saidNo(error)
    if (!no || !done.includes(no.status)) throw error
  }
}

function answered(error: unknown): { status: number; words: string } | null {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return null
  const said =
    'json' in error && error.json && typeof error.json === 'object' && 'message' in error.json
      ? error.json.message
      : null
  return { status: error.statusCode, words: clean(typeof said === 'string' ? said : error.message, MAX_WORDS) }
}

/** Terminal sequences: colours and cursor (CSI), titles and links (OSC). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
const ESCAPES = /\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?)/g

/** Output of strangers, made fit for a page and a terminal: no escape sequences, no control characters; its end is kept. */
export function clean(text: string, maxBytes: number): string {
  const plain = text.replace(ESCAPES, '').replace(/[^\P{C}\n\t]/gu, '')
  const bytes = Buffer.from(plain.trim())
  if (bytes.length <= maxBytes) return plain.trim()
  // A cut inside a character leaves up to three bytes that decode to U+FFFD.
  return `…${bytes
    .subarray(bytes.length - maxBytes + 3)
    .toString()
    .replace(/^�{1,3}/, '')}`
}
