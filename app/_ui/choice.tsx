interface ChoiceProps {
  name: string
  label: string
  /** What leaving it open is called. */
  any: string
  value: string | undefined
  options: readonly { value: string; text: string }[]
}

/** One of several, or any: a filter. */
export function Choice({ name, label, any, value, options }: ChoiceProps) {
  return (
    // The key makes the browser take a new default when the address has changed.
    <select key={value} name={name} aria-label={label} defaultValue={value ?? ''} className="field min-w-0 sm:w-48">
      <option value="">{any}</option>
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.text}
        </option>
      ))}
    </select>
  )
}
