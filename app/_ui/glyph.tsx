/** Lock gates seen from above: two walls, and the two leaves that close against the water. */
export function Glyph({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 24 24" className={className} aria-hidden="true" focusable="false">
      <rect width="24" height="24" rx="6" fill="var(--accent)" />
      <g fill="none" stroke="var(--on-accent)" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round">
        <path d="M6 4.5v15M18 4.5v15" opacity=".5" />
        <path d="m6 11.5 6-4 6 4" />
        <path d="m6 17.5 6-4 6 4" opacity=".75" />
      </g>
    </svg>
  )
}

export function Wordmark() {
  return (
    <span className="inline-flex items-center gap-2.5">
      <Glyph className="size-6" />
      <span className="text-[15px] font-semibold tracking-tight text-ink">Shiplock</span>
    </span>
  )
}
