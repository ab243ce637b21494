import { formatReport, runConformance } from '@busbar/conformance'

const only = process.argv[2]
const r = await runConformance({
  start: {
    command:
      process.env.CMD ??
      'node_modules/.bin/node -C @busbar/source packages/cli/src/main.ts broker --config {config}',
    format: process.env.FORMAT ?? 'busbar',
  } as never,
  ...(only ? { only } : {}),
})
console.log(formatReport(r, 'text' as never))
