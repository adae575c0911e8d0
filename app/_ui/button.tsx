import { cva, type VariantProps } from 'class-variance-authority'
import type { ComponentProps } from 'react'
import { cn } from './classes'

/** The look of everything that is pressed, links among them. */
export const button = cva(
  'inline-flex items-center justify-center gap-1.5 rounded-[7px] font-medium whitespace-nowrap transition-colors disabled:opacity-55 aria-disabled:opacity-55',
  {
    variants: {
      kind: {
        primary: 'bg-accent text-on-accent hover:bg-accent-strong',
        plain: 'border border-line-strong bg-surface text-ink hover:bg-raised',
        quiet: 'text-soft hover:bg-raised hover:text-ink',
        danger: 'border border-line-strong bg-surface text-fail hover:bg-fail-ground',
        alarm: 'bg-alarm text-on-alarm hover:brightness-110',
      },
      size: { normal: 'h-9 px-3.5 text-sm', small: 'h-8 px-2.5 text-[13px]' },
    },
    defaultVariants: { kind: 'plain', size: 'normal' },
  },
)

export function Button({ kind, size, className, ...rest }: ComponentProps<'button'> & VariantProps<typeof button>) {
  return <button type="button" {...rest} className={cn(button({ kind, size }), className)} />
}
