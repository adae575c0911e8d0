import { dockerEngine } from './docker'

/** The engines that Shiplock can build and run steps with, by the name that the settings use. */
export const ENGINES = { docker: dockerEngine } as const

export type EngineKind = keyof typeof ENGINES
