'use client'
import { useTranslations } from 'next-intl'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { cn } from '../../_ui/classes'
import { size } from '../../_ui/duration'
import { plain } from '../../_ui/log/ansi'
import { LogRows } from '../../_ui/log/log-rows'
import { Layout, LINE_PX } from '../../_ui/log/window'
import { LogBar } from './log-bar'
import { type LogOf, useLog } from './use-log'

/** What a follower may be away from the end and still be at it. */
const NEAR_PX = 30
const MAX_HITS = 10_000

interface PanelProps {
  of: LogOf
  stage: string
  /** Its translated name. */
  name: string
  running: boolean
}

/** A stage's log: follows by itself, draws only what is in sight, links to lines. */
export function LogPanel(props: PanelProps) {
  const box = useRef<HTMLDivElement>(null)
  const before = useRef(props.stage)
  useEffect(() => {
    // On a phone the log stands below the list in which the stage was chosen.
    if (before.current !== props.stage && matchMedia('(max-width: 1023px)').matches)
      box.current?.scrollIntoView({ block: 'start' })
    before.current = props.stage
  }, [props.stage])
  return (
    <div ref={box} className="scroll-mt-16">
      <Log key={`${props.of} ${props.stage}`} {...props} />
    </div>
  )
}

const lineAddress = (of: LogOf, stage: string, line: number) => `/${of}?stage=${stage}#L${line}`

/** The line that the address names: …#L120 */
const askedLine = () => Number(/^#L(\d{1,9})$/.exec(location.hash)?.[1] ?? 0)

function Log({ of, stage, name, running }: PanelProps) {
  const t = useTranslations('log')
  const { lines, version, state, problem, again } = useLog(of, stage)
  const view = useRef<HTMLDivElement>(null)
  const [layout] = useState(() => new Layout())
  const [place, setPlace] = useState({ top: 0, height: 600, width: 0 })
  const [follow, setFollow] = useState(true)
  const [wrap, setWrap] = useState(false)
  const [marked, setMarked] = useState(0)
  const [sought, setSought] = useState('')
  const [hit, setHit] = useState(0)
  const last = useRef(0)

  const { rows } = lines
  const gutter = Math.max(3, String(lines.lineCount).length)
  const ch = useCharacterWidth(view)
  const fit = wrap && ch > 0 ? Math.max(20, Math.floor((place.width - gutter * ch - 24 - 16 - 2) / ch)) : 0
  layout.measure(rows, fit, lines.settled)
  const total = layout.start(rows.length) * LINE_PX
  const { first, end } = layout.inSight(place.top, place.height, rows.length)

  const hits = useMemo(() => {
    void version // the same array grows
    if (sought === '') return []
    const words = sought.toLowerCase()
    const found: number[] = []
    for (let i = 0; i < rows.length && found.length < MAX_HITS; i++) {
      const row = rows[i]
      const text = row && row.gap > 0 ? t('gap', { size: size(row.gap) }) : plain(row?.text ?? '')
      if (text.toLowerCase().includes(words)) found.push(i)
    }
    return found
  }, [rows, sought, version, t])

  const show = (row: number) => {
    setFollow(false)
    view.current?.scrollTo({ top: Math.max(0, layout.start(row) * LINE_PX - place.height / 3) })
  }

  useEffect(() => {
    const line = askedLine()
    if (line === 0) return
    setMarked(line)
    setFollow(false)
  }, [])

  // The asked line is shown as soon as it has come.
  const shownLine = useRef(0)
  useLayoutEffect(() => {
    void version
    if (marked === 0 || shownLine.current === marked || lines.lineCount < marked) return
    shownLine.current = marked
    const row = rows.findIndex((r) => r.number === marked)
    if (row >= 0) view.current?.scrollTo({ top: Math.max(0, layout.start(row) * LINE_PX - place.height / 3) })
  }, [marked, lines, rows, layout, place.height, version])

  useLayoutEffect(() => {
    void version
    void total
    if (follow && view.current) view.current.scrollTop = view.current.scrollHeight
  }, [follow, version, total])

  useEffect(() => {
    const element = view.current
    if (!element) return
    const measure = () => setPlace({ top: element.scrollTop, height: element.clientHeight, width: element.clientWidth })
    const watch = new ResizeObserver(measure)
    watch.observe(element)
    return () => watch.disconnect()
  }, [])

  const scrolled = () => {
    const element = view.current
    if (!element) return
    const { scrollTop: top, clientHeight: height, clientWidth: width, scrollHeight } = element
    const atEnd = scrollHeight - top - height < NEAR_PX
    if (top < last.current && !atEnd) setFollow(false)
    else if (top > last.current && atEnd) setFollow(true)
    last.current = top
    setPlace({ top, height, width })
  }

  const mark = useCallback(
    (line: number) => {
      history.replaceState(history.state, '', lineAddress(of, stage, line))
      shownLine.current = line
      setMarked(line)
      setFollow(false)
    },
    [of, stage],
  )
  const nextHit = () => {
    if (hits.length === 0) return
    const current = hits[hit % hits.length] ?? 0
    show(current)
    setHit((h) => (h + 1) % hits.length)
  }
  const hitRow = sought !== '' && hits.length > 0 ? (hits[(hit + hits.length - 1) % hits.length] ?? -1) : -1

  return (
    <div className="card overflow-hidden">
      <LogBar
        of={of}
        stage={stage}
        name={name}
        running={running}
        count={lines.lineCount}
        state={state}
        follow={follow}
        onFollow={setFollow}
        wrap={wrap}
        onWrap={setWrap}
        sought={sought}
        onSeek={(text) => {
          setSought(text)
          setHit(0)
        }}
        hits={hits.length}
        onNext={nextHit}
      />
      <div
        ref={view}
        onScroll={scrolled}
        role="log"
        aria-live="off"
        aria-label={t('of', { stage: name })}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
        tabIndex={0}
        className={cn(
          'relative max-h-[min(64dvh,680px)] min-h-48 pb-2 overflow-y-auto overscroll-contain bg-log font-mono text-xs leading-5 -outline-offset-2',
          wrap ? 'overflow-x-hidden' : 'overflow-x-auto',
        )}
      >
        <Empty state={state} count={rows.length} problem={problem} again={again} />
        {lines.dropped > 0 && <p className="px-3 py-1 text-faint">{t('dropped', { count: lines.dropped })}</p>}
        <div style={{ height: total, minWidth: '100%' }} className={cn(!wrap && 'w-max')}>
          <div style={{ paddingTop: layout.start(first) * LINE_PX }}>
            <LogRows
              rows={rows}
              first={first}
              end={end}
              heightOf={fit > 0 ? (i) => layout.start(i + 1) - layout.start(i) : null}
              gutter={gutter}
              marked={marked}
              hit={hitRow}
              hrefOf={(line) => lineAddress(of, stage, line)}
              onMark={mark}
            />
          </div>
        </div>
      </div>
    </div>
  )
}

function Empty({ state, count, problem, again }: { state: string; count: number; problem: string; again: () => void }) {
  const t = useTranslations('log')
  if (state === 'failed') {
    return (
      <p role="alert" className="px-4 py-3 font-sans text-[13px] text-fail">
        {t('failed', { because: problem })}{' '}
        <button type="button" onClick={again} className="text-accent underline">
          {t('again')}
        </button>
      </p>
    )
  }
  if (count > 0) return null
  const text = state === 'loading' ? t('loading') : state === 'ended' ? t('empty') : t('waiting')
  return <p className="px-4 py-3 font-sans text-[13px] text-faint">{text}</p>
}

/** Pixels of one character of the log's font; 0 until it is known. */
function useCharacterWidth(view: React.RefObject<HTMLDivElement | null>): number {
  const [width, setWidth] = useState(0)
  useEffect(() => {
    if (!view.current) return
    const probe = document.createElement('span')
    probe.textContent = 'x'.repeat(100)
    probe.style.cssText = 'position:absolute;visibility:hidden;white-space:pre'
    view.current.append(probe)
    setWidth(probe.getBoundingClientRect().width / 100)
    probe.remove()
  }, [view])
  return width
}
