// A broker inside a program. Others connect to a free port; the program itself is a client without a
// socket. Run it with `node -C @busbar/source examples/embedded-broker.ts`.
import { startBroker } from '@busbar/broker'
import { encodePacket, Framer, largestPacket, type Packet, readPacket } from '@busbar/protocol'

await using broker = await startBroker({
  listeners: [{ kind: 'tcp', port: 0 }],
  store: { engine: 'memory' }, // left out, sessions and retained messages outlive the program
})
console.log(`others connect to ${broker.url}`)

// The client's end of a connection within the process: MQTT packets as bytes, in both directions.
const link = broker.connectInMemory()
const send = (packet: Packet) => link.send(encodePacket(packet, 5))
const framer = new Framer(largestPacket)
link.receive = (bytes) => {
  framer.push(bytes)
  while (framer.advance()) receive(readPacket(framer.firstByte, framer.body(), 5, 'server'))
}
const { promise: isDone, resolve: done } = Promise.withResolvers<void>()

function receive(packet: Packet): void {
  switch (packet.type) {
    case 'connack':
      return subscribe('hello/#')
    case 'suback':
      return publish('hello/world', 'it works')
    case 'publish':
      console.log(`${packet.topicName}: ${new TextDecoder().decode(packet.payload)}`)
      return done()
  }
}

function connect(clientIdentifier: string): void {
  send({
    type: 'connect',
    protocolVersion: 5,
    clientIdentifier,
    cleanStart: true,
    keepAliveSeconds: 0,
    properties: {},
    will: undefined,
    username: undefined,
    password: undefined,
  })
}

function subscribe(topicFilter: string): void {
  const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ topicFilter, options }]
  send({ type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions })
}

function publish(topicName: string, text: string): void {
  send({
    type: 'publish',
    dup: false,
    qos: 0,
    retain: false,
    topicName,
    packetIdentifier: 0,
    properties: {},
    payload: new TextEncoder().encode(text),
  })
}

connect('the program itself')
await isDone
console.log(`${broker.losses.total().messages} messages were lost`)
