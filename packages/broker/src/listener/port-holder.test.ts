import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import { isPortUnused, portHolder } from './port-holder.ts'

const hosts = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .map(({ address }) => address)

for (const host of ['127.0.0.1', '::1']) {
  const skip =
    (process.platform !== 'linux' && 'only Linux shows it') ||
    (!hosts.includes(host) && `there is no ${host}`)
  test(`who listens on a port of ${host}, and that nobody does`, { skip }, async () => {
    const server = createServer().listen(0, host)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    assert.equal(await isPortUnused(port), false)
    const holder = (await portHolder(port)) ?? ''
    assert.ok(holder.endsWith(`(process ${process.pid})`), holder)
    server.close()
    await once(server, 'close')
    assert.equal(await isPortUnused(port), true)
    assert.equal(await portHolder(port), undefined)
  })
}
