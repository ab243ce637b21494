import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connect, ProtocolVersion, Publish, QoS, Subscribe, Will } from '@busbar/protocol'
import { changePolicies } from '../access-change.ts'
import { type ConfigInput, parseConfig } from '../config.ts'
import { startTestBroker, type TestBroker, type TestPeer } from '../testing/index.ts'
import { loadPolicies } from './load-policies.ts'

// Each way on which a message can be denied: it is counted, logged once with client, action, topic
// and rule, and told to its client by the Reason Code that there is for it.

type Rules = NonNullable<NonNullable<ConfigInput['access']>['rules']>

const everything = { allow: ['publish', 'subscribe'] as const, topics: ['#'] }
const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 1_000 } } as const
const version5 = 5 as const

const denying = (action: 'publish' | 'subscribe' | 'receive', client: string): Rules => [
  { name: 'secrets', deny: [action], clients: [client], topics: ['secret'] },
  everything,
]

const authenticator = {
  authenticate: () => ({ outcome: 'accepted' as const, user: 'u', groups: [] }),
}

class Stage implements AsyncDisposable {
  readonly broker: TestBroker

  constructor(broker: TestBroker) {
    this.broker = broker
  }

  open(clientIdentifier: string, fields: Partial<Connect> = {}): TestPeer {
    return this.broker.open().connect({ clientIdentifier, username: 'u', ...fields })
  }

  async change(rules: Rules): Promise<void> {
    const config = parseConfig({ access: { rules } })
    changePolicies(this.broker.core, await loadPolicies(config, false))
    this.broker.endTurn()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker[Symbol.asyncDispose]()
  }
}

function publish(qos: QoS, fields: Partial<Publish> = {}): Publish {
  const packetIdentifier = qos === 0 ? 0 : 7
  const payload = new TextEncoder().encode('12345')
  const base = { dup: false, retain: false, topicName: 'secret', properties: {}, payload }
  return { type: 'publish', ...base, qos, packetIdentifier, ...fields }
}

function subscribe(topicFilter = 'secret', qos: QoS = 2): Subscribe {
  const options = { qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ topicFilter, options }]
  return { type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions }
}

const will: Will = {
  topicName: 'secret',
  payload: new TextEncoder().encode('12345'),
  qos: 1,
  retain: false,
  properties: {},
}

interface Row {
  readonly name: string
  readonly rules: Rules
  /** Does what is denied; returns the Reason Codes that the client `denied` was told. */
  readonly run: (stage: Stage) => readonly number[] | Promise<readonly number[]>
  readonly told: readonly number[]
  readonly action: 'publish' | 'retain' | 'subscribe' | 'receive'
  readonly topic?: string
}

/** All Reason Codes in what has come, and the topics of messages would be a failure. */
function codes(peer: TestPeer): readonly number[] {
  assert.deepEqual(peer.take('publish'), [], 'nothing of it has come')
  return peer.received.flatMap((packet) => {
    if (packet.type === 'connack' && packet.reasonCode === 0) return []
    if ('reasonCodes' in packet) return packet.reasonCodes
    return 'reasonCode' in packet ? [packet.reasonCode] : []
  })
}

function publishing(protocolVersion: ProtocolVersion, qos: QoS, code: number | undefined): Row {
  return {
    name: `PUBLISH of QoS ${qos}, version ${protocolVersion}`,
    rules: denying('publish', 'denied'),
    run: (stage) => codes(stage.open('denied', { protocolVersion }).send(publish(qos))),
    told: code === undefined ? [] : [code],
    action: 'publish',
  }
}

function subscribing(protocolVersion: ProtocolVersion, topicFilter: string, code: number): Row {
  return {
    name: `SUBSCRIBE to ${topicFilter}, version ${protocolVersion}`,
    rules: denying('subscribe', 'denied'),
    run: (stage) => codes(stage.open('denied', { protocolVersion }).send(subscribe(topicFilter))),
    told: [code],
    action: 'subscribe',
    topic: topicFilter,
  }
}

function receiving(name: string, run: Row['run'], told: readonly number[] = [2]): Row {
  return { name, rules: denying('receive', 'denied'), run, told, action: 'receive' }
}

const rows: readonly Row[] = [
  ...([3, 4, 5] as const).flatMap((version) => [
    publishing(version, 0, undefined),
    publishing(version, 1, version === version5 ? 0x87 : 0),
    publishing(version, 2, version === version5 ? 0x87 : 0),
  ]),
  {
    name: 'PUBLISH with RETAIN',
    rules: [{ name: 'secrets', deny: ['retain'], clients: ['denied'], topics: ['#'] }, everything],
    run: (stage) => codes(stage.open('denied').send(publish(1, { retain: true }))),
    told: [0x87],
    action: 'retain',
  },
  subscribing(5, 'secret', 0x87),
  subscribing(4, 'secret', 0x80),
  subscribing(5, '#', 0x87),
  subscribing(5, '$share/g/secret', 0x87),
  ...([3, 4, 5] as const).map(
    (protocolVersion): Row => ({
      name: `Will at CONNECT, version ${protocolVersion}`,
      rules: denying('publish', 'denied'),
      run: (stage) => codes(stage.open('denied', { protocolVersion, will })),
      told: [protocolVersion === version5 ? 0x87 : 5],
      action: 'publish',
    }),
  ),
  {
    name: 'Will when it fires, after the rules have changed',
    rules: [everything],
    run: async (stage) => {
      const reader = stage.open('reader').send(subscribe())
      const dying = stage.open('denied', { will })
      await stage.change(denying('publish', 'denied'))
      dying.cut()
      assert.deepEqual(reader.take('publish'), [])
      return codes(dying)
    },
    told: [],
    action: 'publish',
  },
  ...([0, 1, 2] as const).map((qos) =>
    receiving(`live delivery of QoS ${qos}`, (stage) => {
      const reader = stage.open('denied').send(subscribe('#'))
      stage.open('writer').send(publish(qos))
      return codes(reader)
    }),
  ),
  receiving('retained message', (stage) => {
    stage.open('writer').send(publish(1, { retain: true }))
    return codes(stage.open('denied').send(subscribe('#')))
  }),
  receiving('Shared Subscription whose only member is denied', (stage) => {
    const member = stage.open('denied').send(subscribe('$share/g/#'))
    stage.open('writer').send(publish(1))
    return codes(member)
  }),
  {
    name: 'what was queued while the client was away, after the rules have changed',
    rules: [everything],
    run: async (stage) => {
      stage.open('denied', lasting).send(subscribe('#')).cut()
      stage.open('writer').send(publish(1))
      await stage.change(denying('receive', 'denied'))
      return codes(stage.open('denied', lasting))
    },
    told: [],
    action: 'receive',
  },
  {
    name: 'what was sent and not acknowledged, after the rules have changed',
    rules: [everything],
    run: async (stage) => {
      const reader = stage.open('denied', lasting).send(subscribe('#'))
      stage.open('writer').send(publish(1))
      assert.equal(reader.take('publish').length, 1)
      reader.cut()
      await stage.change(denying('receive', 'denied'))
      return codes(stage.open('denied', lasting))
    },
    told: [],
    action: 'receive',
  },
  {
    name: 'a subscription that other rules end',
    rules: [everything],
    run: async (stage) => {
      const reader = stage.open('denied').send(subscribe('secret'))
      await stage.change(denying('subscribe', 'denied'))
      stage.open('writer').send(publish(1))
      return codes(reader)
    },
    told: [2],
    action: 'subscribe',
  },
]

for (const { name, rules, run, told, action, topic = 'secret' } of rows)
  test(`denied and told, counted, logged: ${name}`, async () => {
    const broker = await startTestBroker({ access: { rules } }, { authenticator })
    await using stage = new Stage(broker)
    assert.deepEqual(await run(stage), told)
    const { losses, statistics, access } = broker.core
    const cause = action === 'subscribe' ? 'subscription-denied' : 'not-authorized'
    const bytes = action === 'subscribe' ? 0 : 5
    const byCause = losses.ofClient('denied')?.byCause
    assert.deepEqual([...(byCause ?? [])], [[cause, { messages: 1, bytes }]])
    const { publishDenied, subscribeDenied, receiveDenied } = statistics
    const counted = { publish: publishDenied, subscribe: subscribeDenied, receive: receiveDenied }
    const kind = action === 'retain' ? 'publish' : action
    assert.deepEqual(counted, { publish: 0, subscribe: 0, receive: 0, [kind]: 1 })
    const lines = broker.logged.filter((line) => line.includes(' denied '))
    const [line = ''] = lines
    assert.equal(lines.length, 1, lines.join(''))
    const fields = `clientId=denied user=u action=${action} topic=${topic} rule="access.rules[0]`
    assert.ok(line.includes(fields), line)
    const [entry, ...others] = access.denials.list()
    assert.deepEqual([entry?.rule, others], ['access.rules[0] "secrets"', []])
  })
