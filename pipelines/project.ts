import { machine, type Status } from './machine'

/** Connecting a repository: the worker checks the forge, makes the webhook and reads it back. */
export const PROJECT = machine({
  connecting: { claim: 'checking' },
  checking: { pass: 'connected', fail: 'broken', lose: 'connecting', again: 'connecting' },
  connected: { recheck: 'connecting' },
  broken: { recheck: 'connecting' },
})
export type ProjectStatus = Status<typeof PROJECT>

/**
 * One thing that was looked at on the forge; `remedy` says how to mend it where `ok` is false. `warning`: it works as it is,
 * and should not stay so.
 */
export interface Check {
  name: 'token' | 'project' | 'branches' | 'protection' | 'webhook'
  ok: boolean
  because: string
  remedy?: string
  warning?: true
}

/** What a project's secrets are sealed for: the hook's name is the project's before it has an id. */
export const tokenContext = (hook: string) => `token:${hook}`
export const hookContext = (hook: string) => `hook:${hook}`
