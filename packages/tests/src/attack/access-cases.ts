import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Connect, Publish } from '@busbar/protocol'
import { busbar } from '../busbar.ts'
import { eventually } from '../deadline.ts'
import { run } from '../program.ts'
import { RawClient, subscribePacket } from '../raw-client.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import type { AttackCase, Ground } from './attack-case.ts'
import { startOwnBroker } from './own-broker.ts'
import { everything, type Grant, passwordOf, type Trial } from './rig.ts'

const ownFiles = 'its file of rules is its own'

export const accessCases: readonly AttackCase[] = [
  { number: 28, name: 'publishing a denied topic', hasRules: true, run: deniedPublish },
  {
    number: 28,
    name: 'publishing a denied topic with 3.1.1, which ends the connection',
    own: 'a setting of its own',
    run: deniedPublishCloses,
  },
  {
    number: 29,
    name: 'subscribing to a denied topic, or to more than is allowed',
    hasRules: true,
    run: wideFilter,
  },
  { number: 30, name: 'a Will on a denied topic', hasRules: true, run: deniedWill },
  {
    number: 31,
    name: 'a retained message whose writer lost the right',
    hasRules: true,
    run: retainedSource,
  },
  {
    number: 32,
    name: 'a denied reader and what is retained, queued or live',
    hasRules: true,
    run: deniedReader,
  },
  {
    number: 33,
    name: 'a right taken away while subscribed, or while away',
    hasRules: true,
    run: revoked,
  },
  { number: 34, name: 'a denied topic behind $share', hasRules: true, run: sharedFilter },
  {
    number: 35,
    name: 'publishing to $ topics, and # over them',
    hasRules: true,
    run: dollarTopics,
  },
  { number: 36, name: 'a Topic Alias to slip past a rule', hasRules: true, run: aliasSlip },
  {
    number: 37,
    name: 'wildcards and expressions as Client Identifier',
    hasRules: true,
    run: literalVariables,
  },
  {
    number: 38,
    name: "the Client Identifier of another user's Session",
    hasRules: true,
    run: (ground) => theft(ground, false),
  },
  {
    number: 39,
    name: 'the same with Clean Start',
    hasRules: true,
    run: (ground) => theft(ground, true),
  },
  {
    number: 45,
    name: 'an empty, blank or malformed file of rules',
    own: ownFiles,
    run: malformedRules,
  },
  { number: 46, name: 'a reload with a bad file keeps the rules', own: ownFiles, run: badReload },
]

const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 1_000 } } as const

function start({ rig }: Ground, users: readonly string[], ...grants: Grant[]): Promise<Trial> {
  return rig.start({ users, grants })
}

/** Who has the same Client Identifier as user name, and the password of that user. */
async function client(
  { tcp }: Pick<Trial, 'tcp'>,
  user: string,
  fields: Partial<Connect> = {},
): Promise<RawClient> {
  const opened = await RawClient.open(tcp, fields.protocolVersion ?? 5)
  const { reasonCode } = await opened.connect({ ...credentials(user), ...fields })
  assert.equal(reasonCode, 0, user)
  return opened
}

function credentials(user: string): Pick<Connect, 'clientIdentifier' | 'username' | 'password'> {
  const password = new TextEncoder().encode(passwordOf(user))
  return { clientIdentifier: user, username: user, password }
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

async function deniedPublish(ground: Ground): Promise<void> {
  const writers = [3, 4, 5].map((version) => `writer${version}`)
  const grant: Grant = { ...everything, user: 'reader' }
  await using broker = await start(ground, ['reader', ...writers], grant)
  await using reader = await client(broker, 'reader')
  assert.equal(await subscribed(reader, '#'), 1)
  for (const version of [3, 4, 5] as const) {
    await using writer = await client(broker, `writer${version}`, { protocolVersion: version })
    const code = version === 5 ? 0x87 : 0
    writer.publish('secret', 'x')
    for (let i = 0; i < 3; i++) assert.equal(await published(writer, 'secret'), code)
    writer.publish('secret', 'x', { qos: 2, packetIdentifier: 8 })
    assert.equal((await writer.next('pubrec')).reasonCode, code)
    const lines = broker.denials?.(new RegExp(`clientId=writer${version} `))
    if (lines === undefined) continue
    assert.equal(lines.length, 1, 'logged once')
    assert.match(lines[0] ?? '', /action=publish topic=secret rule=access.default/)
  }
  assert.deepEqual(await received(reader), [])
}

async function deniedPublishCloses(): Promise<void> {
  const access = { default: 'deny', whenPublishDenied: 'close' } as const
  await using strict = await startOwnBroker({ access })
  await using old = await RawClient.open(strict.tcp, 4)
  await old.connect({ clientIdentifier: 'old' })
  old.publish('secret', 'x', { qos: 1, packetIdentifier: 7 })
  assert.equal(await old.packets.next('the end'), 'closed')
}

async function wideFilter(ground: Ground): Promise<void> {
  const readers = ['reader5', 'reader4']
  await using broker = await start(
    ground,
    readers,
    { access: 'no subscribe', topic: 'open/secret/#' },
    { access: 'read', topic: 'open/#' },
  )
  for (const [version, code] of [
    [5, 0x87],
    [4, 0x80],
  ] as const) {
    await using reader = await client(broker, `reader${version}`, { protocolVersion: version })
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

async function deniedWill(ground: Ground): Promise<void> {
  const users = ['dying', 'other', 'last', 'reader']
  const denied = (user: string): Grant => ({ user, access: 'no write', topic: 'secret' })
  await using broker = await start(ground, users, denied('dying'), everything)
  for (const [version, code] of [
    [5, 0x87],
    [4, 5],
    [3, 5],
  ] as const) {
    await using refused = await RawClient.open(broker.tcp, version)
    const { reasonCode } = await refused.connect({ ...credentials('dying'), will })
    assert.equal(reasonCode, code)
  }
  await using reader = await client(broker, 'reader')
  await subscribed(reader, 'secret')
  const other = await client(broker, 'other', { will })
  await broker.replace([denied('other'), everything])
  await other[Symbol.asyncDispose]()
  await using last = await client(broker, 'last')
  assert.equal(await published(last, 'secret'), 0)
  assert.deepEqual(await received(reader), ['secret'], 'that of the last one only')
}

async function retainedSource(ground: Ground): Promise<void> {
  await using broker = await start(ground, ['writer', 'keeper', 'reader'], everything)
  await using writer = await client(broker, 'writer')
  await using keeper = await client(broker, 'keeper')
  await published(writer, 'a', { retain: true })
  await published(keeper, 'b', { retain: true })
  await broker.replace([{ user: 'writer', access: 'no write', topic: 'a' }, everything])
  await using reader = await client(broker, 'reader')
  await subscribed(reader, '#')
  assert.deepEqual(await received(reader), ['b'])
}

async function deniedReader(ground: Ground): Promise<void> {
  await using broker = await start(ground, ['reader', 'writer'], everything)
  const reader = await client(broker, 'reader', lasting)
  await subscribed(reader, 'a/#')
  await reader[Symbol.asyncDispose]()
  await using writer = await client(broker, 'writer')
  await published(writer, 'a/secret', { retain: true })
  await published(writer, 'a/open', { retain: true })
  await broker.replace([{ user: 'reader', access: 'no receive', topic: 'a/secret' }, everything])
  await using again = await client(broker, 'reader', lasting)
  assert.deepEqual(await received(again), ['a/open'], 'queued')
  await published(writer, 'a/secret')
  await published(writer, 'a/open')
  assert.deepEqual(await received(again), ['a/open'], 'live')
  await subscribed(again, 'a/+')
  assert.deepEqual(await received(again), ['a/open'], 'retained')
}

async function revoked(ground: Ground): Promise<void> {
  await using broker = await start(ground, ['live', 'away', 'writer'], everything)
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
  const denied = (user: string): Grant => ({ user, access: 'no subscribe', topic: 'a' })
  await broker.replace([denied('live'), denied('away'), everything])
  assert.equal(await published(writer, 'a'), 0x10, 'nobody is subscribed to it any more')
  await published(writer, 'b')
  assert.deepEqual(await received(live), ['b'])
  await using back = await client(broker, 'away', lasting)
  assert.deepEqual(await received(back), ['b', 'b'])
}

async function sharedFilter(ground: Ground): Promise<void> {
  await using broker = await start(ground, ['reader'], { access: 'read', topic: 'open' })
  await using reader = await client(broker, 'reader')
  assert.equal(await subscribed(reader, '$share/open/secret'), 0x87)
  assert.equal(await subscribed(reader, '$share/g/#'), 0x87)
  assert.equal(await subscribed(reader, '$share/g/open'), 1)
}

async function dollarTopics(ground: Ground): Promise<void> {
  const broad: Grant = { access: 'readwrite', topic: '$SYS/#' }
  await using broker = await start(ground, ['reader', 'writer'], everything, broad)
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

async function aliasSlip(ground: Ground): Promise<void> {
  await using broker = await start(ground, ['writer'], { access: 'write', topic: 'open' })
  await using writer = await client(broker, 'writer')
  const properties = { topicAlias: 1 }
  assert.equal(await published(writer, 'secret', { properties }), 0x87)
  assert.equal(await published(writer, '', { properties }), 0x87)
  assert.equal(await published(writer, 'open', { properties }), 0x10)
  assert.equal(await published(writer, '', { properties }), 0x10)
  assert.equal(await published(writer, 'secret', { properties }), 0x87)
  assert.equal(await published(writer, '', { properties }), 0x87)
}

async function literalVariables(ground: Ground): Promise<void> {
  const grants = ['d/%c/#', 'x/%c'].map((topic): Grant => ({ access: 'readwrite', topic }))
  await using broker = await start(ground, ['somebody'], ...grants)
  for (const clientIdentifier of ['+', '#', '.*', 'v|w', '[a-z]', '%c', '%%', 'victim/x', '../d']) {
    await using attacker = await client(broker, 'somebody', { clientIdentifier })
    for (const topic of ['d/victim/a', 'd/v', 'd/w', 'd/victim/x/y', 'x/victim']) {
      assert.equal(await published(attacker, topic), 0x87, `${clientIdentifier} to ${topic}`)
    }
    for (const filter of ['d/+/#', 'd/#', 'd/victim/#', 'd/victim/x/#', 'x/+', '#']) {
      assert.equal(await subscribed(attacker, filter), 0x87, `${clientIdentifier} on ${filter}`)
    }
  }
  await using victim = await client(broker, 'somebody', { clientIdentifier: 'victim' })
  assert.equal(await published(victim, 'd/victim/a'), 0x10)
}

/** Two users; the second wants the Session of the first. */
async function theft(ground: Ground, cleanStart: boolean): Promise<void> {
  await using broker = await start(ground, ['ada', 'eve'], everything)
  const ada = { ...credentials('ada'), clientIdentifier: 'shared-name', ...lasting }
  const victim = await client(broker, 'ada', ada)
  await subscribed(victim, 'a')
  await using writer = await client(broker, 'ada', { clientIdentifier: 'writer' })
  const steal = async () => {
    for (const [version, code] of [
      [5, 0x87],
      [4, 5],
      [3, 5],
    ] as const) {
      await using thief = await RawClient.open(broker.tcp, version)
      const eve = { ...credentials('eve'), clientIdentifier: 'shared-name', cleanStart }
      const { reasonCode } = await thief.connect(eve)
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
  const { sessionPresent } = await back.connect(ada)
  assert.equal(sessionPresent, true)
  assert.deepEqual(await received(back), ['a'])
}

const store = { engine: 'memory' } as const
const badFiles = ['', '\n  \n# rules\n', 'topic read #\n', 'rules: {']

async function malformedRules(): Promise<void> {
  for (const content of badFiles) {
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, 'rules.yaml'), content)
    const config = JSON.stringify({ store, access: { file: 'rules.yaml' } })
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
  await using anybody = await RawClient.open(broker.tcp)
  await anybody.connect({ clientIdentifier: 'anybody' })
  assert.equal(await published(anybody, 'a'), 0x87, 'no rules allow nothing')
  assert.equal(await subscribed(anybody, 'a'), 0x87)
}

async function badReload(): Promise<void> {
  const config = { store, access: { file: 'rules.yaml' } }
  const rules = 'rules: [{ allow: [publish], topics: [open] }]\n'
  await using broker = await startOwnBroker(config, { 'rules.yaml': rules })
  await using writer = await RawClient.open(broker.tcp)
  await writer.connect({ clientIdentifier: 'writer' })
  const refusals = () => broker.program.stderr.split('the old one stays').length - 1
  for (const [at, content] of badFiles.entries()) {
    await writeFile(join(broker.folder, 'rules.yaml'), content)
    broker.program.kill('SIGHUP')
    await eventually(() => refusals() === at + 1, 'the refusal of the new rules')
    assert.equal(await published(writer, 'open'), 0x10)
    assert.equal(await published(writer, 'secret'), 0x87)
  }
}
