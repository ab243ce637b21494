import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { atExit } from '../src/at-exit.ts'
import { root, startBusbar } from '../src/busbar.ts'
import { within } from '../src/deadline.ts'
import { run } from '../src/program.ts'
import { RawClient } from '../src/raw-client.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

const skip = process.platform === 'win32'
const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

/** Somebody who is away waits for what is published on `kept`. */
async function subscribe(url: string): Promise<void> {
  await using subscriber = await RawClient.open(url)
  await subscriber.connect({ clientIdentifier: 'away', ...lasting })
  await subscriber.subscribe('kept', 1)
  await subscriber.leave()
}

/** Whether a message was acknowledged as kept. */
async function isKept(url: string): Promise<boolean> {
  await using publisher = await RawClient.open(url)
  await publisher.connect({ clientIdentifier: 'publisher' })
  publisher.publish('kept', 'x', { qos: 1, packetIdentifier: 1 })
  const answer = await publisher.packets.next('an answer')
  return answer !== 'closed' && answer.type === 'puback' && answer.reasonCode < 0x80
}

test('a broker whose folder is removed acknowledges nothing, and ends with 70', {
  skip,
}, async () => {
  await using folder = await temporaryFolder()
  const data = join(folder.path, 'data')
  await using broker = await startBusbar('--data', data)
  await subscribe(broker.tcp)
  assert.equal(await isKept(broker.tcp), true)
  rmSync(data, { recursive: true })
  assert.equal(await isKept(broker.tcp).catch(() => false), false)
  assert.equal(await within(broker.program.exited, 'the end of the broker'), 70)
  const complaint =
    /^busbar: The store has failed: .*data\/busbar\.db was removed .*busbar restore/m
  assert.match(broker.program.stderr, complaint)
})

test('also when nobody publishes; or it serves what needs no store', { skip }, async () => {
  await using folder = await temporaryFolder()
  const data = join(folder.path, 'data')
  await using broker = await startBusbar('--data', data, '--set', 'store.onFailure=readonly')
  await subscribe(broker.tcp)
  rmSync(data, { recursive: true })
  await within(broker.program.line(/ error +the store takes nothing.*was removed/), 'the complaint')
  await using reader = await RawClient.open(broker.tcp)
  assert.equal((await reader.connect({ clientIdentifier: 'reader' })).reasonCode, 0)
  await reader.subscribe('live', 0)
  reader.publish('live', 'goes on')
  assert.equal((await reader.next('publish')).topicName, 'live')
  assert.equal(await isKept(broker.tcp), false)
  assert.equal(broker.program.stderr.match(/^\S+ error /gm)?.length, 1)
})

test('a broker whose disk is unmounted acknowledges nothing', { skip }, async (t) => {
  await using folder = await temporaryFolder()
  const data = join(folder.path, 'disk')
  mkdirSync(data)
  const mounting = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', data])
  if (mounting.status !== 0) return t.skip('nothing can be mounted here')
  const unmount = () => spawnSync('umount', ['-l', data])
  const forget = atExit(unmount)
  await using broker = await startBusbar('--data', data)
  await subscribe(broker.tcp)
  assert.equal(await isKept(broker.tcp), true)
  unmount()
  forget()
  assert.equal(await isKept(broker.tcp).catch(() => false), false)
  assert.equal(await within(broker.program.exited, 'the end of the broker'), 70)
})

/** Who may do everything stops being able to, so that permissions count. */
const nobody = process.getuid?.() === 0 ? 65_534 : undefined
const main = join(root, 'packages/cli/src/main.ts')

const places: readonly (readonly [
  name: string,
  expected: RegExp,
  prepare: (data: string) => void,
])[] = [
  [
    'a folder that may not be written to',
    /data\/busbar\.db cannot be used for the store: user \d+ may not write there; give another/,
    (data) => chmodSync(data, 0o500),
  ],
  [
    'a folder that may not be read',
    /data\/busbar\.db cannot be used for the store: user \d+ may not write there/,
    (data) => chmodSync(data, 0),
  ],
  [
    'a file in the place of the folder',
    /data cannot be used for the store: it is a file; give the name of a folder/,
    (data) => {
      rmSync(data, { recursive: true })
      writeFileSync(data, '')
    },
  ],
]

for (const [name, expected, prepare] of places) {
  test(`refuses ${name}, and says what to do`, { skip }, async () => {
    await using folder = await temporaryFolder()
    const data = join(folder.path, 'data')
    mkdirSync(data)
    prepare(data)
    if (nobody !== undefined)
      for (const path of [data, folder.path]) chownSync(path, nobody, nobody)
    const flags = ['broker', '--port', '0', '--ws-port', '0', '--data', data]
    const command = [process.execPath, '-C', '@busbar/source', main, ...flags]
    const [first = '', ...rest] =
      nobody === undefined
        ? command
        : ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', ...command]
    const { code, stderr } = await run(first, rest, { cwd: root })
    chmodSync(data, 0o700)
    assert.match(stderr, expected)
    assert.equal(stderr.trim().split('\n').length, 1)
    assert.equal(code, 1)
  })
}
