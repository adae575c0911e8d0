// State machines as tables: status → event → next status. A stray arrow does not compile.

type Shape = Record<string, Record<string, string>>
type Closed<T extends Shape> = { [S in keyof T]: Record<string, keyof T & string> }

/** Checks that every arrow ends in a status of the same table, and gives the table back. */
export const machine = <const T extends Shape>(table: T & Closed<T>): T => table

export type Status<T> = keyof T & string
export type EventAt<T, S extends keyof T> = keyof T[S] & string
export type Event<T> = { [S in keyof T]: EventAt<T, S> }[keyof T]
/** The statuses from which an event may happen. */
export type From<T, E> = { [S in keyof T]: E extends keyof T[S] ? S : never }[keyof T] & string

/** Where the event leads from this status, or undefined where the table has no such arrow. */
export const next = (table: Shape, from: string, event: string): string | undefined => table[from]?.[event]

/** A status that no arrow leaves. */
export const isFinal = (table: Shape, status: string) => Object.keys(table[status] ?? {}).length === 0
