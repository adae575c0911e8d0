import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

export interface User {
  id: number
  username: string
  name: string
  admin: boolean
  passwordHash: Buffer
  tokenHash: Buffer
  createdAt: string
}

/** GitLab's access levels. */
export const REPORTER = 20
export const DEVELOPER = 30
export const MAINTAINER = 40
export const OWNER = 50

const hash = (text: string) => createHash('sha256').update(text).digest()

/** Who may sign in to the demo forge. In memory only; a demo's passwords are random and live as long as the demo. */
export class People {
  private readonly users: User[] = []

  add(person: { username: string; name: string; password: string; admin?: boolean }): { id: number; token: string } {
    if (this.users.some((u) => u.username === person.username))
      throw new Error(`there is a user ${person.username} already`)
    const token = `glpat-${randomBytes(18).toString('base64url')}`
    const id = this.users.length + 1
    const { username, name, admin = false, password } = person
    const createdAt = new Date().toISOString()
    this.users.push({ id, username, name, admin, passwordHash: hash(password), tokenHash: hash(token), createdAt })
    return { id, token }
  }

  byId = (id: number) => this.users.find((u) => u.id === id) ?? null

  byName = (username: string) => this.users.find((u) => u.username === username) ?? null

  /** By access token; every token is compared, whichever fits. */
  byToken(token: string): User | null {
    const wanted = hash(token)
    return this.users.reduce<User | null>(
      (found, user) => (timingSafeEqual(user.tokenHash, wanted) ? user : found),
      null,
    )
  }

  /** As git sends it: user and password, or any user name with an access token as the password. */
  byBasic(header: string | undefined): User | null {
    const [scheme, encoded] = (header ?? '').split(' ')
    if (scheme?.toLowerCase() !== 'basic' || encoded === undefined) return null
    const text = Buffer.from(encoded, 'base64').toString()
    const username = text.slice(0, Math.max(0, text.indexOf(':')))
    const password = text.slice(text.indexOf(':') + 1)
    const user = this.byName(username)
    if (user !== null && timingSafeEqual(user.passwordHash, hash(password))) return user
    return this.byToken(password)
  }
}
