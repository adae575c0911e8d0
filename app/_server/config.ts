import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { FLOOR_MB } from '../../pipelines/room'
import { stateDir } from '../../prisma/postgres'
import { databaseUrl, oneOf, sentences, setOf, short, whole } from '../../prisma/settings'
import { ROLES, type Role } from './permit'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

const httpUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https address, such as https://shiplock.example.com' })
  .refine((u) => !URL.canParse(u) || new URL(u).pathname === '/', 'must not have a path')
  .transform((u) => new URL(u).origin)

const yes = z
  .enum(['true', 'false', '1', '0'], { error: 'must be true or false' })
  .transform((v) => v === 'true' || v === '1')

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])
/** Over plain http anybody on the way could say who somebody is. */
const issuer = z
  .url({ protocol: /^https?$/, error: 'must be an https address, such as https://gitlab.example.com' })
  .refine((u) => {
    if (!URL.canParse(u)) return true // told already
    const { protocol, hostname } = new URL(u)
    return protocol === 'https:' || LOOPBACK.has(hostname)
  }, 'must be an https address: http is for this machine alone')
  .refine((u) => !URL.canParse(u) || (!new URL(u).search && !new URL(u).hash), 'must have no query and no fragment')
  .transform((u) => u.replace(/\/+$/, ''))

/** Of whom signing in elsewhere makes an account. Nobody becomes an administrator by signing in. */
const OIDC_ROLES = ROLES.filter((role) => role !== 'admin')

/** Everything the web process reads from its environment. README's table is made of these descriptions. */
const Environment = z.object({
  DATABASE_URL: databaseUrl.describe(
    'PostgreSQL connection string; `postgresql://user@/name?host=/dir` reaches a unix socket',
  ),
  HOST: z.string().min(1, 'must not be empty').default('127.0.0.1').describe('Address to listen on; `0.0.0.0` for all'),
  PORT: whole(0, 65_535).default(8080).describe('Port to listen on; 0 picks a free one'),
  PUBLIC_URL: httpUrl.optional().describe('How browsers and the forge reach Shiplock; absent: http://HOST:PORT'),
  SHIPLOCK_KEYS: z
    .string()
    .min(1)
    .optional()
    .describe('Folder of the sealing keys; absent: `keys` in the folder of what must survive (SHIPLOCK_STATE)'),
  SHIPLOCK_ADMIN_PASSWORD: z
    .string()
    .min(10, 'must have at least 10 characters')
    .max(512, 'must have at most 512 characters')
    .optional()
    .describe('Password of the first account, `admin`; absent: a random one is shown once'),
  LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace'])
    .default('info')
    .describe('How much is written to stderr'),
  TRUST_PROXY: yes
    .default(false)
    .describe('true behind a reverse proxy that sets X-Forwarded-For and X-Forwarded-Proto; never without one'),
  OIDC_ISSUER: issuer
    .optional()
    .describe(
      'Where people may sign in besides here: the address of a GitLab, or of another OpenID provider. Its application needs the scopes `openid` and `profile`, and the redirect address PUBLIC_URL + `/api/v1/oidc/callback`',
    ),
  OIDC_CLIENT_ID: short(500).optional().describe('Application ID that the provider gave; needed with OIDC_ISSUER'),
  OIDC_CLIENT_SECRET: short(1000)
    .optional()
    .describe('Its secret; absent: the application is not confidential, and PKCE alone protects it'),
  OIDC_NAME: short(40).default('GitLab').describe('What the button on the sign-in page calls it'),
  OIDC_ROLE: oneOf(OIDC_ROLES as [(typeof OIDC_ROLES)[number], ...typeof OIDC_ROLES])
    .default('member')
    .describe(
      'Role of an account that a first sign-in there makes; `member` may nothing until a membership is granted',
    ),
  DISK_FLOOR_MB: whole(0, 1_000_000)
    .default(FLOOR_MB)
    .describe('Free MiB of a disk below which health says so, and workers begin nothing'),
  DATABASE_POOL: whole(3, 100).default(10).describe('Most connections to the database, the listening one included'),
})

export interface WebConfig {
  databaseUrl: string
  databasePool: number
  host: string
  port: number
  /** An origin, without a slash at the end; null: it follows from host and port. */
  publicUrl: string | null
  /** Folder of the sealing keys. */
  keys: string
  adminPassword: string | undefined
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
  trustProxy: boolean
  /** Free MiB of a disk. */
  floorMb: number
  /** Where people may sign in besides here; null: nowhere. */
  oidc: OidcConfig | null
}

export interface OidcConfig {
  /** Without a slash at the end. */
  issuer: string
  clientId: string
  /** Never logged. */
  clientSecret: string | undefined
  name: string
  role: Exclude<Role, 'admin'>
}

/** The configuration, or every problem of it at once, one sentence each. */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
): { config: WebConfig } | { problems: string[] } {
  const parsed = Environment.safeParse(setOf(env, Environment.shape))
  if (!parsed.success) return { problems: sentences(parsed.error) }
  const e = parsed.data
  const half = oidcProblems(e)
  if (half.length > 0) return { problems: half }
  return {
    config: {
      databaseUrl: e.DATABASE_URL,
      databasePool: e.DATABASE_POOL,
      host: e.HOST,
      port: e.PORT,
      publicUrl: e.PUBLIC_URL ?? null,
      keys: e.SHIPLOCK_KEYS ?? path.join(stateDir({ NODE_ENV: 'production', ...env }), 'keys'),
      adminPassword: e.SHIPLOCK_ADMIN_PASSWORD,
      logLevel: e.LOG_LEVEL,
      trustProxy: e.TRUST_PROXY,
      floorMb: e.DISK_FLOOR_MB,
      oidc: oidcOf(e),
    },
  }
}

type Read = z.output<typeof Environment>

/** Half of it set is a mistake: silence would leave people without the button, and nobody would know why. */
function oidcProblems(e: Read): string[] {
  if (e.OIDC_ISSUER !== undefined && e.OIDC_CLIENT_ID === undefined)
    return ['OIDC_CLIENT_ID is not set: OIDC_ISSUER is, and the provider knows Shiplock by it']
  if (e.OIDC_ISSUER === undefined && (e.OIDC_CLIENT_ID ?? e.OIDC_CLIENT_SECRET) !== undefined)
    return ['OIDC_ISSUER is not set: the other OIDC variables mean nothing without it']
  return []
}

function oidcOf(e: Read): OidcConfig | null {
  if (e.OIDC_ISSUER === undefined || e.OIDC_CLIENT_ID === undefined) return null
  return {
    issuer: e.OIDC_ISSUER,
    clientId: e.OIDC_CLIENT_ID,
    clientSecret: e.OIDC_CLIENT_SECRET,
    name: e.OIDC_NAME,
    role: e.OIDC_ROLE,
  }
}

/** One row per variable, for README. */
export function describeConfig(): { name: string; standard: string; what: string }[] {
  return Object.entries(Environment.shape).map(([name, field]) => {
    const standard =
      field instanceof z.ZodDefault ? String(field.def.defaultValue) : field instanceof z.ZodOptional ? '' : 'required'
    return { name, standard, what: field.description ?? '' }
  })
}

/** Of package.json. */
export function version(): string {
  const file = path.join(ROOT, 'package.json')
  if (!existsSync(file)) return 'unknown'
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).version
}
