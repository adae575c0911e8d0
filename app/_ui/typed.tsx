import { useId } from 'react'

/** A word that has to be typed before something is done that concerns everybody. It is checked here, and not sent along. */
export function Typed({ label, word }: { label: string; word: string }) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="text-[13px] font-medium">
        {label}
      </label>
      <input
        id={id}
        type="text"
        required
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        pattern={word.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')}
        title={word}
        className="field mt-1"
      />
    </div>
  )
}
