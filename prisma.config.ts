import { defineConfig } from 'prisma/config'

// `generate`, `validate` and `format` need no schema engine, yet Prisma looks for one before it starts and downloads it when absent.
if (/^(generate|validate|format)$/.test(process.argv[2] ?? '')) {
  process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath
}

export default defineConfig({ schema: 'prisma/schema.prisma', migrations: { path: 'prisma/migrations' } })
