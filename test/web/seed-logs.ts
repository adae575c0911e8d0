// What programs print: colours, progress, long lines.
import type { Story } from './seed-stories'

const E = '\u001b'
const paint = (code: string, text: string) => `${E}[${code}m${text}${E}[0m`

export const shortLog = (stage: string) =>
  [
    paint('2', `shiplock: node:22, npm run ${stage}`),
    '',
    `> checkout@2.4.0 ${stage}`,
    `> node scripts/${stage}.mjs`,
    '',
    `${paint('32', '✓')} 48 files looked at ${paint('2', '(1.8 s)')}`,
    `${paint('33', 'warning')} src/basket/merge.ts:41 the result of merge() is not used`,
    `${paint('32;1', 'PASS')} nothing to complain about`,
    '',
  ].join('\n')

export const buildLog = (service: string) =>
  [
    paint('2', 'shiplock: building from Dockerfile, context 1.4 MB'),
    `${paint('34', '#1')} FROM node:22`,
    `${paint('34', '#2')} COPY package.json package-lock.json ./`,
    `${paint('34', '#3')} RUN npm ci --omit=dev`,
    ...Array.from(
      { length: 40 },
      (_, i) =>
        `${paint('34', '#3')} ${(i * 0.31).toFixed(2)} npm http fetch GET 200 registry/package-${i} ${10 + i}ms`,
    ),
    `\rextracting 10%\rextracting 60%\r${paint('34', '#3')} extracting done`,
    `${paint('34', '#4')} COPY . .`,
    `${paint('34', '#5')} RUN npm run build`,
    `bundle ${'abcdefghij'.repeat(60)} ${paint('36', '412 KB')}`,
    `${paint('32;1', 'done')} shiplock/${service}`,
    '',
  ].join('\n')

export const FAILED_LINE = 'AssertionError: expected 1999 to equal 2000'

export const failedLog = (story: Story) =>
  [
    paint('2', 'shiplock: node:22, npm run test:unit'),
    '',
    `> ${story.service}@2.4.0 test:unit`,
    '> vitest run',
    '',
    ...Array.from(
      { length: 24 },
      (_, i) =>
        ` ${paint('32', '✓')} src/basket/part-${i}.test.ts ${paint('2', `(${3 + (i % 9)} tests) ${20 + i * 3}ms`)}`,
    ),
    ` ${paint('31', '❯')} src/payment/split.test.ts ${paint('2', '(9 tests | ')}${paint('31', '2 failed')}${paint('2', ') 48ms')}`,
    `   ${paint('31', '×')} splits an odd amount without losing a cent`,
    `   ${paint('31', '×')} refuses a second card of the same number`,
    '',
    ` ${paint('41;37', ' FAIL ')} src/payment/split.test.ts > splits an odd amount without losing a cent`,
    paint('31;1', FAILED_LINE),
    '',
    `  ${paint('2', '31|')}   const parts = split(order.total, [cardA, cardB])`,
    `  ${paint('2', '32|')}   expect(parts[0] + parts[1]).toEqual(order.total)`,
    `    ${paint('2', '|')}                               ${paint('31', '^')}`,
    '',
    ` ${paint('2', 'Test Files')}  ${paint('31;1', '1 failed')} | ${paint('32;1', '24 passed')} (25)`,
    ` ${paint('2', '     Tests')}  ${paint('31;1', '2 failed')} | ${paint('32;1', '212 passed')} (214)`,
    '',
    '<script>document.title = "no"</script>',
    `${E}]0;a title${E}\\${E}[2Jnpm error code 1`,
    '',
  ].join('\n')

export const longLog = (lines: number) =>
  `${Array.from({ length: lines }, (_, i) => `${paint('2', new Date(1_795_000_000_000 + i * 7).toISOString())} ${i % 50 === 0 ? paint('33', 'WARN') : paint('32', 'INFO')} request ${i} answered in ${1 + (i % 90)} ms`).join('\n')}\n`
