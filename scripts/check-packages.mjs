// Packs every public package and asks publint whether what npm users would get is sound.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

let faults = 0
for (const folder of readdirSync('packages')) {
  const pkgDir = join('packages', folder)
  const pkg = JSON.parse(readFileSync(join(pkgDir, 'package.json'), 'utf8'))
  if (pkg.private) continue
  const { messages } = await publint({ pkgDir, pack: 'npm', strict: true })
  for (const message of messages) {
    console.error(`${pkg.name}: ${formatMessage(message, pkg)}`)
    faults++
  }
}
process.exit(faults === 0 ? 0 : 1)
