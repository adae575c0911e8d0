'use client'
import './globals.css'

/** When even the frame of the page could not be made: no translation and no session can be counted on. */
export default function GlobalError({ error }: { error: Error & { digest?: string } }) {
  return (
    <html lang="en">
      <body>
        <main className="grid min-h-dvh place-items-center px-6 text-center">
          <div>
            <title>Shiplock</title>
            <h1 className="text-lg font-semibold">This page could not be shown</h1>
            <p lang="zh-CN" className="text-soft">
              页面无法显示
            </p>
            <p className="mt-3 text-soft">
              Nothing that is running was affected. {error.digest ? `Reference ${error.digest}.` : ''}
            </p>
            <a
              href="/"
              className="mt-5 inline-flex h-9 items-center rounded-[7px] bg-accent px-4 font-medium text-on-accent"
            >
              Try again · 重试
            </a>
          </div>
        </main>
      </body>
    </html>
  )
}
