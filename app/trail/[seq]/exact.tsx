/** Bytes as they are: nothing is laid out, lines break where they must. */
export function Exact({ text }: { text: string }) {
  return (
    <pre className="rounded-[10px] border border-line bg-log px-4 py-3 font-mono text-xs leading-relaxed break-all whitespace-pre-wrap">
      <code>{text}</code>
    </pre>
  )
}
