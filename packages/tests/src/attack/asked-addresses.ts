import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { busbar } from '../busbar.ts'
import { run } from '../program.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { codeOf, startOwnBroker } from './own-broker.ts'

/** Where clouds answer with a machine's own secrets, in all the ways in which it can be written. */
const localLink = [
  'http://169.254.169.254/latest',
  'http://2852039166/',
  'http://0xa9.0xfe.0xa9.0xfe/',
  'http://[::ffff:169.254.169.254]/',
  'http://[fe80::1]/',
  'https://169.254.169.254/',
]

/** Whoever may set an address that the broker asks cannot make it ask where secrets are. */
export async function askedAddresses(): Promise<void> {
  for (const url of localLink) {
    for (const auth of [
      { http: { url, allowInsecure: true } },
      { jwt: { jwksUrl: url, audience: 'mqtt', allowInsecure: true } },
    ]) {
      const { code, stderr } = await checkOf({ store: { engine: 'memory' }, auth })
      assert.equal(code, 2, url)
      assert.match(stderr, /on the local link/, url)
    }
  }
  await redirect()
}

/** What `busbar check`, and so a start, says of a configuration. */
async function checkOf(config: object): Promise<{ code: number | string; stderr: string }> {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'busbar.yaml'), JSON.stringify(config))
  return await run(busbar, ['check', 'busbar.yaml'], { cwd: folder.path })
}

/** A web hook that sends the broker elsewhere has not answered. */
async function redirect(): Promise<void> {
  const asked: string[] = []
  const server = createServer(({ url = '' }, response) => {
    asked.push(url)
    if (url === '/elsewhere') response.end('{"result":"allow"}')
    else response.writeHead(307, { location: '/elsewhere' }).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/hook`
    await using broker = await startOwnBroker({ auth: { http: { url } } })
    assert.equal(await codeOf(broker.tcp, 'ada', 'lovelace'), 0x88)
    assert.deepEqual(asked, ['/hook'])
  } finally {
    server.close()
    server.closeAllConnections()
  }
}
