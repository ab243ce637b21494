// Writes docs/client-comparison.md: what Busbar's client and MQTT.js do in the same experiments.
import { readFileSync, writeFileSync } from 'node:fs'
import { experiments } from './client-experiments.ts'
import { busbarClient, type ClientUnderTest, mqttJsClient } from './client-under-test.ts'
import type { Finding } from './experiment.ts'

const file = new URL('../../../docs/client-comparison.md', import.meta.url)
const mqttPackage = new URL('../../../node_modules/mqtt/package.json', import.meta.url)
const { version } = JSON.parse(readFileSync(mqttPackage, 'utf8')) as { version: string }

const introduction = `# Clients compared

<!-- Written by \`npm run client-comparison\`; changes here are lost. -->

The same scripted servers, over TCP on loopback, against this client and MQTT.js ${version}, both as they
come: no options but those that the experiment names. The scripts are in
[client-experiments.ts](../packages/tests/src/client-experiments.ts) and know neither library. Every row
is also an end-to-end test of Busbar.

`

const rows: string[] = []
for (const { id, name, must, run } of experiments) {
  const ours = await attempt(run, busbarClient)
  const theirs = await attempt(run, mqttJsClient)
  console.log(`${id}\n  Busbar: ${cell(ours)}\n  MQTT.js: ${cell(theirs)}`)
  rows.push(`| ${id} | ${name} | ${must} | ${cell(ours)} | ${cell(theirs)} |`)
}
const head = `| | experiment | a client must | Busbar | MQTT.js ${version} |\n| --- | --- | --- | --- | --- |\n`
writeFileSync(file, `${introduction}${head}${rows.join('\n')}\n`)
process.exit(0) // what a library leaves running is not ours to wait for

async function attempt(
  run: (library: ClientUnderTest) => Promise<Finding>,
  library: ClientUnderTest,
): Promise<Finding> {
  try {
    return await run(library)
  } catch (error) {
    return { holds: false, outcome: error instanceof Error ? error.message : String(error) }
  }
}

function cell({ holds, outcome }: Finding): string {
  return `${holds ? 'yes' : '**no**'}: ${outcome}`
}
