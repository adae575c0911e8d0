import type { NextConfig } from 'next'
import createNextIntlPlugin from 'next-intl/plugin'

const config: NextConfig = {
  poweredByHeader: false,
  images: { unoptimized: true },
  // `npm run check` looks at the types of the whole repository; the build is for those who only want to run it.
  typescript: { ignoreBuildErrors: true },
  // Native code and .proto files that a bundler cannot place; pages reach none of dockerode and bullmq, and must not begin to.
  serverExternalPackages: ['dockerode', 'pg', '@prisma/client', 'bullmq'],
}

export default createNextIntlPlugin('./app/_i18n/request.ts')(config)
