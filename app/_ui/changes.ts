'use client'
// What the server says has changed. One connection for the whole visit, however many pages are looked at: a browser gives six
// to a server, for all its tabs together.

export interface Change {
  subject: string
  run: number | null
}
interface Listener {
  onChange(change: Change): void
  onState(open: boolean): void
}

/** Rings may have been missed: whoever shows anything should read it again. */
const EVERYTHING: Change = { subject: 'all', run: null }
const AGAIN_MS = 5_000
/** From one page to the next there is a moment without a listener. */
const LINGER_MS = 10_000
/** A page may have been made on the server just before a change that was heard before the page was there. */
const RECENT_MS = 3_000

const listeners = new Set<Listener>()
let source: EventSource | undefined
let isOpen = false
let lastHeard = 0
let timer: ReturnType<typeof setTimeout> | undefined

function say(change: Change) {
  lastHeard = Date.now()
  for (const listener of listeners) listener.onChange(change)
}

function setOpen(now: boolean) {
  isOpen = now
  for (const listener of listeners) listener.onState(now)
}

function open() {
  clearTimeout(timer)
  if (source || document.hidden || listeners.size === 0) return
  source = new EventSource('/api/v1/events')
  source.onopen = () => {
    setOpen(true)
    // What was rung while nobody listened was not heard: since the page was made, or since the connection was lost.
    say(EVERYTHING)
  }
  source.addEventListener('change', (event) => say(JSON.parse(event.data)))
  source.onerror = () => {
    setOpen(false)
    // The browser comes again by itself unless the answer was no stream: signed out, or a proxy's error page.
    if (source?.readyState !== EventSource.CLOSED) return
    close()
    timer = setTimeout(open, AGAIN_MS)
  }
}

function close() {
  clearTimeout(timer)
  source?.close()
  source = undefined
  isOpen = false
}

/** Whoever is not looked at lets its connection go. */
const look = () => (document.hidden ? close() : open())

/** Hears changes until the returned function is called. */
export function hearChanges(listener: Listener): () => void {
  if (listeners.size === 0) document.addEventListener('visibilitychange', look)
  listeners.add(listener)
  clearTimeout(timer)
  if (isOpen) {
    listener.onState(true)
    if (Date.now() - lastHeard < RECENT_MS) listener.onChange(EVERYTHING)
  } else open()
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    document.removeEventListener('visibilitychange', look)
    timer = setTimeout(close, LINGER_MS)
  }
}
