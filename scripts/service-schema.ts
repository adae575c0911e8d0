// Writes the published JSON schema of the service file: npx tsx scripts/service-schema.ts
import { writeFileSync } from 'node:fs'
import { serviceFileSchema } from '../pipelines/service-file'

writeFileSync(
  new URL('../pipelines/service-file.schema.json', import.meta.url),
  `${JSON.stringify(serviceFileSchema(), null, 2)}\n`,
)
