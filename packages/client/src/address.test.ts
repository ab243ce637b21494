import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './connect.ts'
import type { ClientOptions } from './options.ts'
import { isCode, testOptions } from './testing/client-options.ts'
import { ScriptedPeer, textOf } from './testing/scripted-peer.ts'
import { openLink } from './transport/link.ts'

/** Connects to what the URL names, which here is always the peer. */
function options(peer: ScriptedPeer): ClientOptions {
  return { ...testOptions(), transport: async (_target, events) => openLink(peer.target(), events) }
}

const named: readonly [url: string | URL, username: string | undefined, password: string][] = [
  ['mqtt://host', undefined, ''],
  ['mqtt://ann@host', 'ann', ''],
  ['mqtt://ann:s%40e%2F%C3%BC@host', 'ann', 's@e/ü'],
  [new URL('wss://a%3Ab:p@host/mqtt'), 'a:b', 'p'],
]
for (const [url, username, password] of named) {
  test(`${url} logs in as ${username ?? 'nobody'}`, async () => {
    const peer = new ScriptedPeer().accept()
    const client = await connect(url, options(peer))
    const [packet] = await peer.last.take('connect')
    assert.deepEqual([packet?.username, textOf(packet?.password)], [username, password])
    await client.close()
  })
}

test('credentials in the options count, and not those in the URL', async () => {
  const peer = new ScriptedPeer().accept()
  const credentials = { username: 'bob' }
  const client = await connect('mqtt://ann:p@host', { ...options(peer), credentials })
  const [packet] = await peer.last.take('connect')
  assert.deepEqual([packet?.username, packet?.password], ['bob', undefined])
  await client.close()
})

for (const url of ['host', '127.0.0.1:1883', '', 'mqtt://ann:%zz@host', 'http://host']) {
  test(`${JSON.stringify(url)} is no address, and is not tried again`, async () => {
    await assert.rejects(connect(url), isCode('invalid-argument'))
  })
}
