'use client'
import { useRouter } from 'next/navigation'
import { useEffect } from 'react'

const EVERY_MS = 1_000
/** A worker answers in a moment; where none is there, the page need not ask for ever. */
const TIMES = 60

/** Reads the page again until the worker has answered: its ring is of no project, and not everybody hears those. */
export function Checking() {
  const router = useRouter()
  useEffect(() => {
    let left = TIMES
    const timer = setInterval(() => {
      if (left-- > 0) router.refresh()
      else clearInterval(timer)
    }, EVERY_MS)
    return () => clearInterval(timer)
  }, [router])
  return null
}
