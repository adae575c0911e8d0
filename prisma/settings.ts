// Environment variables as a process reads them: what is wrong with them is said in plain sentences, all of it at once.
import { z } from 'zod'

/** The text of a variable as a whole number within limits. */
export function whole(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`
  return z.coerce.number({ error }).int(error).min(min, error).max(max, error)
}

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` })

/** A text of limited length; an empty variable is none. */
export const short = (most: number) =>
  z.string().trim().min(1, 'must not be empty').max(most, `must have at most ${most} characters`)

export const databaseUrl = z
  .string({
    error:
      'is not set: it names the PostgreSQL database, such as postgresql://user@host/shiplock. npm start needs none: it brings a database, a web process and a worker of its own',
  })
  .regex(/^postgres(ql)?:\/\//, 'must begin with postgresql://')

type Variables = Readonly<Record<string, string | undefined>>

/** Those that were set, of the ones that are known. An empty variable is one that was not set: `PORT= npm start` means the default. */
export const setOf = (env: Variables, known: object) =>
  Object.fromEntries(Object.entries(env).filter(([name, value]) => name in known && value !== ''))

/** One sentence for each variable that is wrong, never with its value: it may be a password. */
export function sentences(error: z.ZodError): string[] {
  const first = new Map<string, string>()
  for (const { path, message } of error.issues) {
    const name = path.join('.')
    if (!first.has(name)) first.set(name, `${name} ${message}`)
  }
  return [...first.values()]
}
