import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLines } from './lines.ts'
import { connectionRows, parseOptions, readConnection, readQoS } from './message-options.ts'

const parse = (args: readonly string[]) => parseOptions(connectionRows, args)

const places = [
  [[], 'mqtt://localhost', undefined],
  [['-h', 'broker', '-p', '1884'], 'mqtt://broker:1884', undefined],
  [['-h', '::1'], 'mqtt://[::1]', undefined],
  [['-h', 'broker', '-p', '8883'], 'mqtts://broker:8883', undefined],
  [['--insecure'], 'mqtts://localhost', undefined],
  [['mqtt://broker:1884'], 'mqtt://broker:1884', undefined],
  [['-L', 'mqtt://ann:s%40e@broker/a/b%20c'], 'mqtt://broker/a/b%20c', 'a/b c'],
  [['wss://broker/mqtt'], 'wss://broker/mqtt', undefined],
  [['unix:/run/mqtt.sock'], 'unix:/run/mqtt.sock', undefined],
] as const

for (const [args, url, topic] of places) {
  test(`${args.join(' ') || 'nothing'} is ${url}`, async () => {
    const connection = await readConnection(parse(args))
    assert.deepEqual([connection.url, connection.topic], [url, topic])
  })
}

test('a name and password come from the URL, and options win', async () => {
  const url = 'mqtt://ann:s%40e@broker'
  const credentials = async (...args: string[]) =>
    (await readConnection(parse([url, ...args]))).options.credentials
  assert.deepEqual(await credentials(), { username: 'ann', password: 's@e' })
  assert.deepEqual(await credentials('-u', 'bob'), { username: 'bob', password: 's@e' })
  assert.deepEqual(await credentials('-P', '-x'), { username: 'ann', password: '-x' })
})

const refused = [
  [['-x'], "Unknown option '-x'."],
  [['-h'], '-h argument given but no host specified.'],
  [['-p', 'x'], 'Invalid port "x".'],
  [['-p', '70000'], 'Invalid port "70000".'],
  [['-V', '6'], 'Invalid protocol version argument given.'],
  [['-V', '31'], 'Invalid protocol version argument given.'],
  [['http://broker'], /is not a URL of mqtt:/],
  [['mqtt://a', 'b'], "Unknown option 'b'."],
  [['--cafile', '/nonexistent'], 'Unable to open file "/nonexistent".'],
] as const

for (const [args, message] of refused) {
  test(`refuses ${args.join(' ')}`, async () => {
    await assert.rejects(async () => readConnection(parse(args)), { message })
  })
}

test('QoS is 0, 1 or 2', () => {
  assert.equal(readQoS(parse([])), 0)
  assert.equal(readQoS(parse(['-q', '2'])), 2)
  assert.throws(() => readQoS(parse(['-q', '3'])), { message: 'Invalid QoS given: 3' })
})

test('lines are what is between line ends, in any pieces', async () => {
  const text = Buffer.from('one\n\nthree\r\nlast')
  for (const size of [1, 2, 5, 100]) {
    const chunks = (async function* () {
      for (let at = 0; at < text.length; at += size) yield text.subarray(at, at + size)
    })()
    const lines: string[] = []
    for await (const line of readLines(chunks)) lines.push(Buffer.from(line).toString())
    assert.deepEqual(lines, ['one', '', 'three\r', 'last'])
  }
})
