import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ConfigInput, formatEntry } from '@busbar/broker'
import type { Connect, Publish } from '@busbar/protocol'
import { busbar } from '../busbar.ts'
import { eventually } from '../deadline.ts'
import { run } from '../program.ts'
import { RawClient, subscribePacket } from '../raw-client.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { type OwnBroker, passwordFile, startOwnBroker, userEntry } from './own-broker.ts'

/** One row of the list of attacks. Each starts the broker that it is for, in a process of its own. */
export interface AccessCase {
  readonly number: number
  readonly name: string
  /** Rejects when the broker has given in. */
  readonly run: () => Promise<void>
}

export const accessCases: readonly AccessCase[] = [
  { number: 28, name: 'publishing a denied topic', run: deniedPublish },
  {
    number: 29,
    name: 'subscribing to a denied topic, or to more than is allowed',
    run: wideFilter,
  },
  { number: 30, name: 'a Will on a denied topic', run: deniedWill },
  { number: 31, name: 'a retained message whose writer lost the right', run: retainedSource },
  { number: 32, name: 'a denied reader and what is retained, queued or live', run: deniedReader },
  { number: 33, name: 'a right taken away while subscribed, or while away', run: revoked },
  { number: 34, name: 'a denied topic behind $share', run: sharedFilter },
  { number: 35, name: 'publishing to $ topics, and # over them', run: dollarTopics },
  { number: 36, name: 'a Topic Alias to slip past a rule', run: aliasSlip },
  { number: 37, name: 'wildcards and expressions as Client Identifier', run: literalVariables },
  { number: 38, name: "the Client Identifier of another user's Session", run: () => theft(false) },
  { number: 39, name: 'the same with Clean Start', run: () => theft(true) },
  { number: 45, name: 'an empty, blank or malformed file of rules', run: malformedRules },
  { number: 46, name: 'a reload with a bad file keeps the rules', run: badReload },
]

type AccessInput = NonNullable<ConfigInput['access']>
type RuleInput = NonNullable<AccessInput['rules']>[number]

const everything: RuleInput = { allow: ['publish', 'subscribe'], topics: ['#'] }
const memory = { engine: 'memory' } as const
const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 1_000 } } as const

const start = (...rules: readonly RuleInput[]) => startOwnBroker({ access: { rules } })

async function reload(broker: OwnBroker, ...rules: readonly RuleInput[]): Promise<void> {
  await rewrite(broker, JSON.stringify({ store: memory, access: { rules } }))
  await broker.program.line(/configuration reloaded/)
}

async function rewrite(broker: OwnBroker, text: string): Promise<void> {
  await writeFile(join(broker.folder, 'busbar.yaml'), text)
  broker.program.kill('SIGHUP')
}

async function client(
  broker: OwnBroker,
  clientIdentifier: string,
  fields: Partial<Connect> = {},
): Promise<RawClient> {
  const opened = await RawClient.open(broker.tcp, fields.protocolVersion ?? 5)
  const { reasonCode } = await opened.connect({ clientIdentifier, ...fields })
  assert.equal(reasonCode, 0, clientIdentifier)
  return opened
}

/** The Reason Code of a PUBLISH at QoS 1. */
async function published(
  from: RawClient,
  topicName: string,
  fields: Partial<Publish> = {},
): Promise<number> {
  from.publish(topicName, 'x', { qos: 1, packetIdentifier: 7, ...fields })
  return (await from.next('puback')).reasonCode
}

async function subscribed(to: RawClient, topicFilter: string, qos: 0 | 1 = 1): Promise<number> {
  to.send(subscribePacket(topicFilter, qos))
  return (await to.next('suback')).reasonCodes[0] as number
}

/** Every topic that has come; a PINGREQ after it says that there is no more. */
async function received(by: RawClient): Promise<string[]> {
  const topics: string[] = []
  by.send({ type: 'pingreq' })
  for (;;) {
    const packet = await by.packets.next('a PINGRESP')
    assert.ok(packet !== 'closed')
    if (packet.type === 'pingresp') return topics
    assert.ok(packet.type === 'publish', packet.type)
    topics.push(packet.topicName)
    const { packetIdentifier, qos } = packet
    if (qos === 1) by.send({ type: 'puback', packetIdentifier, reasonCode: 0, properties: {} })
  }
}

const denials = ({ program }: OwnBroker, pattern: RegExp) =>
  program.stderr.split('\n').filter((line) => line.includes(' denied ') && pattern.test(line))

async function deniedPublish(): Promise<void> {
  await using broker = await start({ ...everything, clients: ['reader'] })
  await using reader = await client(broker, 'reader')
  assert.equal(await subscribed(reader, '#'), 1)
  for (const version of [3, 4, 5] as const) {
    await using writer = await client(broker, `writer ${version}`, { protocolVersion: version })
    const code = version === 5 ? 0x87 : 0
    writer.publish('secret', 'x')
    for (let i = 0; i < 3; i++) assert.equal(await published(writer, 'secret'), code)
    writer.publish('secret', 'x', { qos: 2, packetIdentifier: 8 })
    assert.equal((await writer.next('pubrec')).reasonCode, code)
    const lines = denials(broker, new RegExp(`clientId="writer ${version}"`))
    assert.equal(lines.length, 1, 'logged once')
    assert.match(lines[0] ?? '', /action=publish topic=secret rule=access.default/)
  }
  assert.deepEqual(await received(reader), [])
  await using strict = await startOwnBroker({
    access: { default: 'deny', whenPublishDenied: 'close' },
  })
  await using old = await client(strict, 'old', { protocolVersion: 4 })
  old.publish('secret', 'x', { qos: 1, packetIdentifier: 7 })
  assert.equal(await old.packets.next('the end'), 'closed')
}

async function wideFilter(): Promise<void> {
  await using broker = await start(
    { deny: ['subscribe'], topics: ['open/secret/#'] },
    { allow: ['subscribe'], topics: ['open/#'] },
  )
  for (const [version, code] of [
    [5, 0x87],
    [4, 0x80],
  ] as const) {
    await using reader = await client(broker, `reader ${version}`, { protocolVersion: version })
    for (const filter of ['secret', '#', '+/#', 'open/#', 'open/+', 'open/+/x', 'open/secret']) {
      assert.equal(await subscribed(reader, filter), code, filter)
    }
    assert.equal(await subscribed(reader, 'open/other/#'), 1)
  }
}

const will = {
  topicName: 'secret',
  payload: new Uint8Array(1),
  qos: 1,
  retain: false,
  properties: {},
} as const

async function deniedWill(): Promise<void> {
  await using broker = await start(
    { deny: ['publish'], clients: ['dying'], topics: ['secret'] },
    everything,
  )
  for (const [version, code] of [
    [5, 0x87],
    [4, 5],
    [3, 5],
  ] as const) {
    await using refused = await RawClient.open(broker.tcp, version)
    const { reasonCode } = await refused.connect({ clientIdentifier: 'dying', will })
    assert.equal(reasonCode, code)
  }
  await using reader = await client(broker, 'reader')
  await subscribed(reader, 'secret')
  const other = await client(broker, 'other', { will })
  await reload(broker, { deny: ['publish'], clients: ['other'], topics: ['secret'] }, everything)
  await other[Symbol.asyncDispose]()
  await using last = await client(broker, 'last')
  assert.equal(await published(last, 'secret'), 0)
  assert.deepEqual(await received(reader), ['secret'], 'that of the last one only')
}

async function retainedSource(): Promise<void> {
  await using broker = await start(everything)
  await using writer = await client(broker, 'writer')
  await using keeper = await client(broker, 'keeper')
  await published(writer, 'a', { retain: true })
  await published(keeper, 'b', { retain: true })
  await reload(broker, { deny: ['publish'], clients: ['writer'], topics: ['a'] }, everything)
  await using reader = await client(broker, 'reader')
  await subscribed(reader, '#')
  assert.deepEqual(await received(reader), ['b'])
}

async function deniedReader(): Promise<void> {
  await using broker = await start(everything)
  const reader = await client(broker, 'reader', lasting)
  await subscribed(reader, 'a/#')
  await reader[Symbol.asyncDispose]()
  await using writer = await client(broker, 'writer')
  await published(writer, 'a/secret', { retain: true })
  await published(writer, 'a/open', { retain: true })
  await reload(broker, { deny: ['receive'], clients: ['reader'], topics: ['a/secret'] }, everything)
  await using again = await client(broker, 'reader', lasting)
  assert.deepEqual(await received(again), ['a/open'], 'queued')
  await published(writer, 'a/secret')
  await published(writer, 'a/open')
  assert.deepEqual(await received(again), ['a/open'], 'live')
  await subscribed(again, 'a/+')
  assert.deepEqual(await received(again), ['a/open'], 'retained')
}

async function revoked(): Promise<void> {
  await using broker = await start(everything)
  await using live = await client(broker, 'live')
  await subscribed(live, 'a')
  await subscribed(live, 'b')
  const away = await client(broker, 'away', lasting)
  await subscribed(away, 'a')
  await subscribed(away, 'b')
  await away[Symbol.asyncDispose]()
  await using writer = await client(broker, 'writer')
  await published(writer, 'a')
  await published(writer, 'b')
  assert.deepEqual(await received(live), ['a', 'b'])
  await reload(
    broker,
    { deny: ['subscribe'], clients: ['live', 'away'], topics: ['a'] },
    everything,
  )
  assert.equal(await published(writer, 'a'), 0x10, 'nobody is subscribed to it any more')
  await published(writer, 'b')
  assert.deepEqual(await received(live), ['b'])
  await using back = await client(broker, 'away', lasting)
  assert.deepEqual(await received(back), ['b', 'b'])
}

async function sharedFilter(): Promise<void> {
  await using broker = await start({ allow: ['subscribe'], topics: ['open'] })
  await using reader = await client(broker, 'reader')
  assert.equal(await subscribed(reader, '$share/open/secret'), 0x87)
  assert.equal(await subscribed(reader, '$share/g/#'), 0x87)
  assert.equal(await subscribed(reader, '$share/g/open'), 1)
}

async function dollarTopics(): Promise<void> {
  await using broker = await start({ allow: ['publish', 'subscribe'], topics: ['#', '$SYS/#'] })
  await using reader = await client(broker, 'reader')
  await subscribed(reader, '#')
  await subscribed(reader, '+/+/+')
  await using writer = await client(broker, 'writer')
  for (const topic of ['$SYS/broker/version', '$share/g/a', '$']) {
    assert.equal(await published(writer, topic, { retain: true }), 0x87, topic)
  }
  assert.equal(await published(writer, 'a'), 0)
  assert.deepEqual(await received(reader), ['a'])
}

async function aliasSlip(): Promise<void> {
  await using broker = await start({ allow: ['publish'], topics: ['open'] })
  await using writer = await client(broker, 'writer')
  const properties = { topicAlias: 1 }
  assert.equal(await published(writer, 'secret', { properties }), 0x87)
  assert.equal(await published(writer, '', { properties }), 0x87)
  assert.equal(await published(writer, 'open', { properties }), 0x10)
  assert.equal(await published(writer, '', { properties }), 0x10)
  assert.equal(await published(writer, 'secret', { properties }), 0x87)
  assert.equal(await published(writer, '', { properties }), 0x87)
}

async function literalVariables(): Promise<void> {
  await using broker = await start({ allow: ['publish', 'subscribe'], topics: ['d/%c/#', 'x/%c'] })
  for (const clientIdentifier of ['+', '#', '.*', 'v|w', '[a-z]', '%c', '%%', 'victim/x', '../d']) {
    await using attacker = await client(broker, clientIdentifier)
    for (const topic of ['d/victim/a', 'd/v', 'd/w', 'd/victim/x/y', 'x/victim']) {
      assert.equal(await published(attacker, topic), 0x87, `${clientIdentifier} to ${topic}`)
    }
    for (const filter of ['d/+/#', 'd/#', 'd/victim/#', 'd/victim/x/#', 'x/+', '#']) {
      assert.equal(await subscribed(attacker, filter), 0x87, `${clientIdentifier} on ${filter}`)
    }
  }
  await using victim = await client(broker, 'victim')
  assert.equal(await published(victim, 'd/victim/a'), 0x10)
}

/** Two users; the second wants the Session of the first. */
async function theft(cleanStart: boolean): Promise<void> {
  const entries = await Promise.all([userEntry('ada', 'lovelace'), userEntry('eve', 'apple')])
  const files = { [passwordFile]: entries.map((entry) => formatEntry(entry)).join('') }
  const config = { auth: { passwordFile }, access: { default: 'allow' } } as const
  await using broker = await startOwnBroker(config, files)
  const bytes = (text: string) => new TextEncoder().encode(text)
  const ada = { username: 'ada', password: bytes('lovelace'), ...lasting }
  const victim = await client(broker, 'shared-name', ada)
  await subscribed(victim, 'a')
  await using writer = await client(broker, 'writer', { ...ada, cleanStart: true, properties: {} })
  const steal = async () => {
    for (const [version, code] of [
      [5, 0x87],
      [4, 5],
      [3, 5],
    ] as const) {
      await using thief = await RawClient.open(broker.tcp, version)
      const eve = { username: 'eve', password: bytes('apple'), cleanStart }
      const { reasonCode } = await thief.connect({ clientIdentifier: 'shared-name', ...eve })
      assert.equal(reasonCode, code)
    }
  }
  await steal()
  await published(writer, 'a')
  assert.deepEqual(await received(victim), ['a'], 'it stays connected, and subscribed')
  await victim[Symbol.asyncDispose]()
  await published(writer, 'a')
  await steal()
  await using back = await RawClient.open(broker.tcp)
  const { sessionPresent } = await back.connect({ clientIdentifier: 'shared-name', ...ada })
  assert.equal(sessionPresent, true)
  assert.deepEqual(await received(back), ['a'])
}

const badFiles = ['', '\n  \n# rules\n', 'topic read #\n', 'rules: {']

async function malformedRules(): Promise<void> {
  for (const content of badFiles) {
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, 'rules.yaml'), content)
    const config = JSON.stringify({ store: memory, access: { file: 'rules.yaml' } })
    await writeFile(join(folder.path, 'busbar.yaml'), config)
    const flags = ['broker', '--config', 'busbar.yaml', '--port', '0', '--ws-port', '0']
    const { code, stderr } = await run(busbar, flags, { cwd: folder.path })
    assert.equal(code, 2, JSON.stringify(content))
    assert.match(stderr, /rules\.yaml/)
  }
  await using broker = await startOwnBroker(
    { access: { file: 'rules.yaml' } },
    { 'rules.yaml': 'rules: []\n' },
  )
  await using anybody = await client(broker, 'anybody')
  assert.equal(await published(anybody, 'a'), 0x87, 'no rules allow nothing')
  assert.equal(await subscribed(anybody, 'a'), 0x87)
}

async function badReload(): Promise<void> {
  const config = { store: memory, access: { file: 'rules.yaml' } }
  const rules = 'rules: [{ allow: [publish], topics: [open] }]\n'
  await using broker = await startOwnBroker(config, { 'rules.yaml': rules })
  await using writer = await client(broker, 'writer')
  const refusals = () => broker.program.stderr.split('the old one stays').length - 1
  for (const [at, content] of badFiles.entries()) {
    await writeFile(join(broker.folder, 'rules.yaml'), content)
    await rewrite(broker, JSON.stringify(config))
    await eventually(() => refusals() === at + 1, 'the refusal of the new rules')
    assert.equal(await published(writer, 'open'), 0x10)
    assert.equal(await published(writer, 'secret'), 0x87)
  }
}
