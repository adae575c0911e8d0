// What each process is told by its environment. A variable that is not named here stays with whoever started Shiplock.

/** The system's own, and what Node reads. */
const SYSTEM =
  /^(PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|CI|TMPDIR|NODE_[A-Z_]+|SSL_CERT_(FILE|DIR)|(https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY)$/
/** The web process's settings (app/_server/config.ts). Of the worker's it knows none. */
const WEB =
  /^(HOST|PORT|PUBLIC_URL|LOG_LEVEL|TRUST_PROXY|DATABASE_POOL|DISK_FLOOR_MB|OIDC_[A-Z_]+|SHIPLOCK_(STATE|KEYS|ADMIN_PASSWORD|OIDC_[A-Z_]+))$/
/** What a worker has no use for. */
const NOT_WORKER =
  /^(DATABASE_URL|WEB_DATABASE_URL|WORKER_DATABASE_URL|SHIPLOCK_ADMIN_PASSWORD|OIDC_[A-Z_]+|SHIPLOCK_OIDC_[A-Z_]+)$/

type Variables = Readonly<Record<string, string | undefined>>

const only = (env: Variables, keep: (name: string) => boolean) =>
  Object.fromEntries(Object.entries(env).filter(([name]) => keep(name)))

/** An allow-list: a token in the shell of whoever started it is nothing for the process that strangers talk to. */
export const webEnvironment = (env: Variables) => only(env, (name) => SYSTEM.test(name) || WEB.test(name))

/** Workers run git, Docker and Kubernetes, which have variables of their own. */
export const workerEnvironment = (env: Variables) => only(env, (name) => !NOT_WORKER.test(name))
