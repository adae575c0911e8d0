// The server and Next load two copies of every module, so what the process has one of hangs on globalThis.
const KEY = Symbol.for('shiplock.oidc-name')
const held = globalThis as { [KEY]?: string | null }

/** The composition root says where people may sign in besides here; null: nowhere. */
export const holdOidcName = (name: string | null) => {
  held[KEY] = name
}

/** What the button on the sign-in page calls it; null: there is no button. */
export const oidcName = (): string | null => held[KEY] ?? null
