import { type ClassValue, clsx } from 'clsx'
import { twMerge } from 'tailwind-merge'

/** Class names, where a later one wins over an earlier one of the same kind. */
export const cn = (...classes: ClassValue[]) => twMerge(clsx(classes))
