import { cn } from './classes'

/** Text as a program wrote it, in a frame of its own that scrolls. */
export function Frame({ label, text, className }: { label: string; text: string; className?: string }) {
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls by itself must be reached by keyboard
      tabIndex={0}
      className={cn('overflow-auto border border-line bg-log', className)}
    >
      <pre className="px-4 py-3 font-mono text-xs leading-relaxed">{text}</pre>
    </section>
  )
}
