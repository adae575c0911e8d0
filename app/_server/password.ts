import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { Fault } from '../../pipelines/fault'

const N = 2 ** 15
const R = 8
const P = 1
const KEY_BYTES = 32
/** One check holds 128·N·r = 32 MiB; Node's default limit is exactly that, and refuses. */
const maxMemory = (n: number, r: number) => 256 * n * r

/** Checks at once. Each takes about 100 ms of a core and 32 MiB, and must not starve file and DNS work of libuv's 4 threads. */
const AT_ONCE = 2
const IN_LINE = 32
let running = 0
const line: (() => void)[] = []

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) {
    if (line.length >= IN_LINE)
      throw new Fault('too.many', 'too many people are signing in at this moment: try again in a minute')
    await new Promise<void>((resolve) => line.push(resolve))
  } else running++
  try {
    return await work()
  } finally {
    const following = line.shift()
    if (following)
      following() // hands its place over: `running` stays
    else running--
  }
}

const derive = (password: string, salt: Buffer, bytes: number, options: ScryptOptions) =>
  new Promise<Buffer>((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, bytes, options, (error, key) => (error ? reject(error) : resolve(key)))
  })

/** `scrypt$N$r$p$salt$key`, salt and key in base64url: the parameters travel with the hash, so they can grow. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const key = await inTurn(() => derive(password, salt, KEY_BYTES, { N, r: R, p: P, maxmem: maxMemory(N, R) }))
  return ['scrypt', N, R, P, salt.toString('base64url'), key.toString('base64url')].join('$')
}

const SHAPE = /^scrypt\$(\d{1,8})\$(\d{1,2})\$(\d{1,2})\$([\w-]{8,100})\$([\w-]{16,100})$/

/** Is it the password? A hash that cannot be read is "no". Throws too.many when the line is full. */
export async function passwordMatches(password: string, hash: string): Promise<boolean> {
  const parts = SHAPE.exec(hash)
  if (!parts) return false
  const [n, r, p] = [Number(parts[1]), Number(parts[2]), Number(parts[3])]
  const wanted = Buffer.from(parts[5] ?? '', 'base64url')
  const options = { N: n, r, p, maxmem: maxMemory(n, r) }
  const key = await inTurn(() => derive(password, Buffer.from(parts[4] ?? '', 'base64url'), wanted.length, options))
  return timingSafeEqual(key, wanted)
}

let decoy: Promise<string> | undefined
/** A hash that nobody's password has: checked for an unknown name, so that the answer takes as long as for a known one. */
export const decoyHash = () => {
  decoy ??= hashPassword(randomBytes(16).toString('hex'))
  return decoy
}
