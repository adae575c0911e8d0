#!/usr/bin/env node
// The command line. Exit codes: 0 done; 1 it could not be done, and one sentence says why; 64 wrong arguments.
// `audit verify` has its own: 0 all of it holds; 1 something was changed; 2 it is not whole.
import { parseArgs } from 'node:util'

const USAGE = `Usage: shiplock COMMAND

  audit verify FILE [--key BASE64] [--origin URL] [--json]
      check an export, or the bundle of a release: a zip or a folder
  audit export FOLDER | FILE.zip
      take the whole trail away, up to its newest signed checkpoint
  audit rotate-key
      a new key for the trail, signed into it by the old one
  audit forget ACTOR
      forget what somebody is called, such as account:3; every proof holds on
  audit accept-restore [--because REASON]
      the database is not the one that was signed: show what differs, and with a reason accept it
  enrolment-code
      a code for whoever may have one passkey admitted with it; shown once
  resume-queue
      work is taken up again after the queue was paused by another tool

DATABASE_URL is the record; without it the embedded database of SHIPLOCK_STATE. PUBLIC_URL is where people sign.
REDIS_URL is the queue, where it is on Redis.
`

class WrongArguments extends Error {}

/** @returns the exit code */
async function run(words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { values, positionals } = argumentsOf(words)
  if (values.help === true || positionals.length === 0) return say(USAGE)
  const [first, second, ...rest] = positionals
  const name = first === 'audit' ? `audit ${second ?? ''}` : (first ?? '')
  const given = first === 'audit' ? rest : positionals.slice(1)
  const { key, origin, json, because } = values
  if (name !== 'audit accept-restore' && because !== undefined)
    throw new WrongArguments(`--because is for audit accept-restore, not for ${name}`)
  if (name !== 'audit verify' && (key ?? origin ?? json) !== undefined)
    throw new WrongArguments(`--key, --origin and --json are for audit verify, not for ${name}`)
  const one = (what: string): string => {
    if (given.length === 1 && given[0]) return given[0]
    throw new WrongArguments(`${name} takes ${what}`)
  }
  const none = () => {
    if (given.length > 0) throw new WrongArguments(`${name} takes nothing more`)
  }
  // Each command brings what it takes: who verifies a file does not wait for a database client.
  const audit = () => import('./audit')
  switch (name) {
    case 'audit verify':
      return (await import('./audit-verify')).verifyExport(one('one folder or zip'), [
        ...(key === undefined ? [] : [`--key=${key}`]),
        ...(origin === undefined ? [] : [`--origin=${origin}`]),
        ...(json ? ['--json'] : []),
      ])
    case 'audit export':
      return say(
        await (await audit()).exportTo(one('a folder that is not there yet, or a name that ends in .zip'), env),
      )
    case 'audit rotate-key':
      none()
      return say(await (await audit()).rotateKey(env))
    case 'audit forget':
      return say(await (await audit()).forget(actorOf(one('an actor, such as account:3')), env))
    case 'audit accept-restore':
      none()
      return say(await (await audit()).acceptRestore(because, env))
    case 'enrolment-code':
      none()
      return say(await enrolmentCode(env))
    case 'resume-queue':
      none()
      return say(await (await import('./queue')).resumeQueue(env))
    default:
      throw new WrongArguments(`there is no command ${name.trim()}`)
  }
}

async function enrolmentCode(env: NodeJS.ProcessEnv): Promise<string> {
  const [{ makeEnrolmentCode }, { keysDir }] = await Promise.all([
    import('../environments/enrolment-code'),
    import('./opened'),
  ])
  return makeEnrolmentCode(keysDir(env))
}

function argumentsOf(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        key: { type: 'string' },
        origin: { type: 'string' },
        json: { type: 'boolean' },
        because: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new WrongArguments((error as Error).message)
  }
}

function actorOf(text: string): string {
  if (/^(account|forge):[\w.-]{1,60}$/.test(text)) return text
  throw new WrongArguments(`${text} is no person of the trail: they are called account:3 or forge:17`)
}

function say(text: string): number {
  console.log(text.trimEnd())
  return 0
}

run(process.argv.slice(2), process.env).then(
  (code) => {
    process.exitCode = code
  },
  (error: Error & { code?: string }) => {
    const wrong = error instanceof WrongArguments
    console.error(wrong ? `${error.message}.\n\n${USAGE}`.trimEnd() : sentenceOf(error))
    process.exitCode = wrong ? 64 : 1
  },
)

/** One sentence: what, and what to do. A stack says nothing to who types commands. */
function sentenceOf(error: Error & { code?: string; errors?: Error[] }): string {
  const said = error.message || (error.errors?.[0]?.message ?? String(error))
  if (error.code === 'ECONNREFUSED' || error.code === 'ENOTFOUND' || error.code === '3D000' || error.code === '28P01')
    return `The database cannot be reached: ${said}. Look at DATABASE_URL.`
  if (error.code === 'ENOENT' || error.code === 'EACCES')
    return `A file of the installation cannot be read: ${said}. Look at SHIPLOCK_STATE, and whether you may read it.`
  if (error.code === '42P01') return `That database is not one of Shiplock, or was never started: ${said}.`
  return `${said}.`.replace(/\.\.$/, '.')
}
