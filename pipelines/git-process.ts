// One git process: what it may see, how it is stopped, and what its errors mean. No shell, no configuration of this
// machine, no credentials in arguments or addresses.

import { type ChildProcess, spawn } from 'node:child_process'
import { Fault, type FaultCode } from './fault'
import { firstLine } from './title'

export interface Credentials {
  username: string
  password: string
}

export interface GitAccess {
  /** The bare repository. */
  dir: string
  /** As `urlForGit` returned it; empty for what stays local. */
  url: string
  credentials: Credentials | null
  /** Milliseconds since 1970: when the whole call must have ended. */
  deadline: number
  signal: AbortSignal
}

/** Bytes of git's own words that are kept: the last ones say why. */
const MAX_STDERR = 8192
/** After SIGTERM git removes its locks and half-written packs; one that does not in this time is killed. */
const GRACE_MS = 500

/**
 * Faults in the metadata of old or converted commits, that thousands of honest repositories carry and that cannot harm
 * here, because no submodule is read, no attribute obeyed and no author trusted. Damaged objects, and names that climb
 * (".", "..", ".git", a slash), stay refused.
 */
const HARMLESS = [
  'zeroPaddedFilemode', 'badFilemode', 'missingSpaceBeforeDate', 'badDate', 'badDateOverflow', 'zeroPaddedDate', 'badTimezone',
  'missingEmail', 'badEmail', 'missingNameBeforeEmail', 'badName', 'missingSpaceBeforeEmail', 'multipleAuthors',
  'missingTaggerEntry', 'badTagName', 'extraHeaderEntry', 'nulInCommit',
  'gitmodulesUrl', 'gitmodulesName', 'gitmodulesPath', 'gitmodulesUpdate', 'gitmodulesParse', 'gitmodulesLarge',
  'gitmodulesBlob', 'gitmodulesMissing', 'gitmodulesSymlink',
  'gitattributesLarge', 'gitattributesLineLength', 'gitattributesBlob', 'gitattributesMissing', 'gitattributesSymlink',
  'gitignoreSymlink', 'mailmapSymlink',
] // biome-ignore format: one name a line would be a page

const CONFIG: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.attributesFile', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.logAllRefUpdates', 'false'],
  ['credential.helper', ''],
  ['protocol.allow', 'never'],
  ['protocol.http.allow', 'always'],
  ['protocol.https.allow', 'always'],
  ['protocol.version', '2'],
  // A redirect would carry the credentials to an address that nobody configured.
  ['http.followRedirects', 'false'],
  // Less than 1,000 bytes a second for 20 s: the other side hangs.
  ['http.lowSpeedLimit', '1000'],
  ['http.lowSpeedTime', '20'],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['transfer.fsckObjects', 'true'],
  ...HARMLESS.map((name) => [`fetch.fsck.${name}`, 'ignore'] as const),
  // Always a pack, never loose objects: one file to write and to sync, and one thing to count.
  ['fetch.unpackLimit', '1'],
  // Tidying is done when it suits us, never in the middle of a fetch.
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  // Files 644, folders and programs 755, as a checkout makes them.
  ['tar.umask', '0022'],
]

/** Of this process's environment only what an operator sets for the network reaches git. */
const PASSED_ON = [
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'HTTPS_PROXY',
  'NO_PROXY',
  'GIT_SSL_CAINFO',
  'GIT_SSL_CAPATH',
]

/** Checks an address that is about to become an argument of git, and returns its normal form. */
export function urlForGit(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || !/^https?:$/.test(parsed.protocol))
    throw new Fault('input.invalid', 'git is used over http and https only')
  if (parsed.username || parsed.password)
    throw new Fault('input.invalid', "a repository's address holds no user or password")
  if (parsed.search || parsed.hash) throw new Fault('input.invalid', "a repository's address holds no ? and no #")
  return parsed.href
}

const basic = ({ username, password }: Credentials) => Buffer.from(`${username}:${password}`).toString('base64')

/** Configuration travels in the environment: unlike arguments it is not shown to other users of the machine. */
function environment(access: GitAccess): Record<string, string> {
  const config = [...CONFIG]
  if (access.credentials !== null) {
    config.push([
      `http.${new URL(access.url).origin}/.extraHeader`,
      `Authorization: Basic ${basic(access.credentials)}`,
    ])
  }
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: '/nonexistent', // no .netrc, no .config/git
    LC_ALL: 'C', // messages are read below
    GIT_DIR: access.dir,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '', // set and empty: nobody is asked, and core.askPass and SSH_ASKPASS are not looked at
    GIT_CONFIG_COUNT: String(config.length),
  }
  for (const [i, [key, value]] of config.entries()) {
    env[`GIT_CONFIG_KEY_${i}`] = key
    env[`GIT_CONFIG_VALUE_${i}`] = value
  }
  for (const name of PASSED_ON) {
    const value = process.env[name]
    if (value !== undefined) env[name] = value
  }
  return env
}

/** Those whose output has ended: their number may by now be that of a stranger, and is never signalled again. */
const ended = new WeakSet<ChildProcess>()

/** Starts git as the leader of a process group: `stopGit` then reaches git-remote-http and index-pack as well. */
export function startGit(access: GitAccess, args: readonly string[], stdin: 'ignore' | 'pipe'): ChildProcess {
  // Next's types demand NODE_ENV of every environment; git has no use for it.
  const env = environment(access) as NodeJS.ProcessEnv
  const child = spawn('git', args, { env, stdio: [stdin, 'pipe', 'pipe'], detached: true, cwd: '/' })
  child.once('close', () => ended.add(child))
  return child
}

export function stopGit(child: ChildProcess): void {
  signalGroup(child, 'SIGTERM')
  setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS).unref()
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || ended.has(child)) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // ESRCH: the group ended between the check and the kill
  }
}

/** Collects git's last words; call the result to read them, masked. */
export function lastWords(child: ChildProcess, credentials: Credentials | null): () => string {
  let kept = Buffer.alloc(0)
  child.stderr?.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-MAX_STDERR)
  })
  return () => {
    const secrets =
      credentials === null ? [] : [credentials.password, basic(credentials), encodeURIComponent(credentials.password)]
    return secrets.reduce(
      (text, secret) => (secret === '' ? text : text.replaceAll(secret, '***')),
      kept.toString('utf8'),
    )
  }
}

/** git's English messages (LC_ALL=C), first match wins. What is not here is git.failed, and is tried again a few times. */
const MEANINGS: readonly (readonly [RegExp, FaultCode, string])[] = [
  [/returned error: 429/, 'forge.busy', 'the forge asks to come back later'],
  [/Authentication failed|could not read (Username|Password)|Access denied|returned error: 40[13]/i, 'forge.denied',
    'the forge refuses the user or token: it needs the right to read this repository (scope read_repository or api)'],
  [/not our ref|unadvertised object|couldn't find remote ref|no such remote ref/i, 'forge.missing', 'the forge has no such commit any more'],
  [/repository '.*' not found|returned error: 404|does not appear to be a git repository/i, 'forge.missing',
    'there is no such repository, or the token may not see it'],
  [/fsck error|error in object|object corrupt/i, 'input.invalid', 'the repository holds objects that git refuses'],
  [/returned error: 3\d\d|unable to update url base/i, 'forge.refused', 'the address redirects: set it to its final one'],
  [/returned error: 5\d\d|Could not resolve|Failed to connect|Couldn't connect|Connection (refused|reset|timed out)|timed out|SSL|too slow|hung up|early EOF|Empty reply/i,
    'forge.unreachable', 'the forge does not answer git'],
] // biome-ignore format: a row a meaning

/** The last lines that begin as git's errors do: after them git gives pages of advice to a person at a terminal. */
function errorLines(stderr: string): string {
  const lines = stderr
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const errors = lines.filter((line) => /^(fatal|error|remote|warning):/.test(line))
  const told = (errors.length > 0 ? errors : lines).slice(-3).map((line) => firstLine(line, 400))
  return told.join(' | ') || 'git said nothing'
}

/** The Fault of a git process that did not end well. `what` names the command in words. */
export function faultOfGit(what: string, stderr: string): Fault {
  const said = errorLines(stderr)
  const meaning = MEANINGS.find(([pattern]) => pattern.test(stderr))
  if (meaning === undefined) return new Fault('git.failed', `${what}: ${said}`)
  return new Fault(meaning[1], `${what}: ${meaning[2]}. git: ${said}`)
}

/**
 * Runs git to its end and returns what it printed. More than `maxOutput` bytes: Fault input.invalid. The deadline and
 * the signal stop the whole group, and nothing returns before it is gone. `answers`: exit codes beside 0 that are an answer
 * and no error, such as the 1 of a merge with conflicts.
 */
export function runGit(
  access: GitAccess,
  what: string,
  args: readonly string[],
  options: { stdin?: string; maxOutput: number; answers?: readonly number[] },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const left = access.deadline - Date.now()
    if (access.signal.aborted || left <= 0) {
      reject(new Fault('git.failed', `${what}: ${left <= 0 ? 'no time was left for it' : 'it was called off'}`))
      return
    }
    const child = startGit(access, args, options.stdin === undefined ? 'ignore' : 'pipe')
    const words = lastWords(child, access.credentials)
    const printed: Buffer[] = []
    let size = 0
    let stopped: Fault | null = null
    const stop = (fault: Fault) => {
      stopped ??= fault
      stopGit(child)
    }
    const onAbort = () => stop(new Fault('git.failed', `${what}: it was called off`))
    const timer = setTimeout(() => stop(new Fault('git.failed', `${what}: it took longer than it may`)), left)
    access.signal.addEventListener('abort', onAbort, { once: true })
    const settle = (end: () => void) => {
      clearTimeout(timer)
      access.signal.removeEventListener('abort', onAbort)
      end()
    }
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > options.maxOutput)
        stop(new Fault('input.invalid', `${what}: it is larger than the ${options.maxOutput} bytes that are read`))
      else printed.push(chunk)
    })
    child.on('error', (error) =>
      settle(() => reject(new Fault('git.failed', `git cannot be started: ${error.message}`))),
    )
    child.on('close', (code) =>
      settle(() => {
        if (stopped !== null) reject(stopped)
        else if (code === 0 || (code !== null && options.answers?.includes(code))) resolve(Buffer.concat(printed))
        else reject(faultOfGit(what, words()))
      }),
    )
    // git may end before it has read its input (EPIPE): its exit code says all there is to say
    child.stdin?.on('error', () => undefined).end(options.stdin)
  })
}
