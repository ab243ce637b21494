import { once } from 'node:events'
import mqtt, {
  type IClientOptions,
  type IConnackPacket,
  type IPublishPacket,
  type MqttClient,
} from 'mqtt'
import type { BrokerUrls } from './busbar.ts'
import { within } from './deadline.ts'
import { Inbox } from './inbox.ts'
import type { Library, Message, MessageProperties, MqttVersion } from './library.ts'

const versions = {
  '3.1': { protocolId: 'MQIsdp', protocolVersion: 3 },
  '3.1.1': { protocolVersion: 4 },
  '5': { protocolVersion: 5 },
} as const satisfies Record<MqttVersion, IClientOptions>

/** A client of MQTT.js that keeps what it receives, and does not reconnect by itself. */
export class MqttJsClient implements AsyncDisposable {
  readonly client: MqttClient
  readonly packets = new Inbox<IPublishPacket>()
  connack: IConnackPacket | undefined

  private constructor(client: MqttClient) {
    this.client = client
    client.on('error', () => {}) // the operation that fails says so
    // Not `message`: what comes right after CONNACK would be missed by whoever awaits that.
    // The topic is the one that a Topic Alias stood for.
    client.on('message', (topic, _payload, packet) => this.packets.push({ ...packet, topic }))
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'connack') this.connack = packet
    })
  }

  /** Resolves at CONNACK. */
  static async connect(url: string, version: MqttVersion, options: IClientOptions = {}) {
    const client = mqtt.connect(url, { ...versions[version], reconnectPeriod: 0, ...options })
    const wrapped = new MqttJsClient(client)
    // It is an EventEmitter, though its types do not say so.
    const connected = new Promise((resolve) => client.once('connect', resolve))
    await within(connected, `CONNACK for MQTT.js from ${url}`)
    return wrapped
  }

  async next(): Promise<IPublishPacket> {
    return await this.packets.next('a message for MQTT.js')
  }

  /** Ends the connection with DISCONNECT. */
  async leave(): Promise<void> {
    const { stream } = this.client
    const closed = stream.destroyed ? Promise.resolve([]) : once(stream, 'close')
    await within(this.client.endAsync(), 'MQTT.js to leave')
    await within(closed, 'the end of the stream of MQTT.js')
  }

  /** Ends the connection without DISCONNECT. */
  async cut(): Promise<void> {
    this.client.stream.destroy()
    await within(this.client.endAsync(true), 'MQTT.js to be cut')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(this.client.endAsync(true), 'MQTT.js to end')
  }
}

/** MQTT.js over TCP or WebSocket. */
export function mqttJs(transport: keyof BrokerUrls): Library {
  return {
    name: `MQTT.js over ${transport === 'tcp' ? 'TCP' : 'WebSocket'}`,
    versions: ['3.1', '3.1.1', '5'],
    skip: false,

    async subscribe(broker, { version, filter, qos, clientId, keepsSession, will }) {
      const isVersion5 = version === '5'
      const client = await MqttJsClient.connect(broker[transport], version, {
        clean: keepsSession !== true,
        ...(clientId === undefined ? {} : { clientId }),
        ...(isVersion5 && keepsSession ? { properties: { sessionExpiryInterval: 600 } } : {}),
        ...(will === undefined ? {} : { will: toWill(will) }),
      })
      await within(client.client.subscribeAsync(filter, { qos }), 'SUBACK for MQTT.js')
      return {
        next: async () => messageOf(await client.next()),
        leave: () => client.leave(),
        cut: () => client.cut(),
        [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
      }
    },

    async publish(broker, version, messages) {
      await using client = await MqttJsClient.connect(broker[transport], version)
      for (const { topic, payload, qos, retain, properties } of messages) {
        const options = { qos, retain, ...(properties && { properties: toMqttJs(properties) }) }
        await within(client.client.publishAsync(topic, payload, options), 'an acknowledgement')
      }
      await client.leave()
    },
  }
}

function toWill({ topic, payload, qos, retain }: Message) {
  return { topic, payload: Buffer.from(payload), qos, retain }
}

function toMqttJs(properties: MessageProperties): NonNullable<IPublishPacket['properties']> {
  const { payloadFormatIndicator, correlationData, userProperties, ...same } = properties
  return {
    ...same,
    ...(payloadFormatIndicator !== undefined && {
      payloadFormatIndicator: payloadFormatIndicator === 1,
    }),
    ...(correlationData !== undefined && { correlationData: Buffer.from(correlationData) }),
    ...(userProperties !== undefined && { userProperties: grouped(userProperties) }),
  }
}

/** One name may have several values. */
function grouped(pairs: NonNullable<MessageProperties['userProperties']>) {
  const values: Record<string, string[]> = {}
  for (const [name, value] of pairs) values[name] = [...(values[name] ?? []), value]
  return values
}

function messageOf({ topic, payload, qos, retain, properties }: IPublishPacket): Message {
  const message = { topic, payload: payload.toString(), qos, retain }
  if (properties === undefined || Object.keys(properties).length === 0) return message
  const { payloadFormatIndicator, messageExpiryInterval, contentType } = properties
  const { responseTopic, correlationData, userProperties } = properties
  const known = {
    payloadFormatIndicator:
      payloadFormatIndicator === undefined ? undefined : Number(payloadFormatIndicator),
    messageExpiryInterval,
    contentType,
    responseTopic,
    correlationData: correlationData?.toString(),
    userProperties:
      userProperties &&
      Object.entries(userProperties).flatMap(([name, values]) =>
        [values].flat().map((value) => [name, value]),
      ),
  }
  return { ...message, properties: JSON.parse(JSON.stringify(known)) }
}
