import { eventually, pause } from './deadline.ts'
import {
  announcing,
  type Experiment,
  ignore,
  payloads,
  publishMany,
  scene,
  serve,
  silenceMs,
  Tally,
} from './experiment.ts'
import { publishPacket } from './raw-client.ts'
import { manyUnacknowledged, mostWaiting, resume } from './resume-experiments.ts'
import { acknowledgement, type Script, ScriptedServer } from './scripted-server.ts'

/** How long a promise may take before it counts as one that never settles. */
const neverMs = 5_000

const receiveMaximum: Experiment = {
  id: 'T1',
  name: 'Receive Maximum 5, 1,000 QoS 1 publishes, no acknowledgement',
  must: '5 on the wire, the rest wait',
  async run(library) {
    const script = announcing({ properties: { receiveMaximum: 5 } }, () => {})
    await using at = await scene(library, script)
    ignore(publishMany(at.client, 1_000, 1))
    await at.server.quiet(silenceMs)
    const sent = at.server.received('publish').length
    return { holds: sent === 5, outcome: `${sent} on the wire` }
  },
}

const closeWithoutServer: Experiment = {
  id: 'T2',
  name: 'server gone with 3 messages in flight, then close',
  must: 'settles by its deadline and says how many were left',
  async run(library) {
    const server = await ScriptedServer.start(announcing({}, () => {}))
    const client = library.open(server.url)
    await client.connected
    ignore(publishMany(client, 3, 1))
    await eventually(() => server.received('publish').length === 3, 'three messages')
    await server[Symbol.asyncDispose]()
    const never = Symbol('never')
    const left = await Promise.race([client.close(), pause(neverMs).then(() => never)])
    if (left === never) await client.kill()
    const outcome = left === never ? 'never settles' : `settles, ${String(left)} left`
    return { holds: left === 3, outcome }
  },
}

const herd: Experiment = {
  id: 'T3',
  name: '50 clients, the server drops them at CONNECT',
  must: 'attempts are spread',
  async run(library) {
    await using server = await ScriptedServer.start((_packet, connection) => connection.cut())
    const clients = Array.from({ length: 50 }, () => library.open(server.url))
    for (const client of clients) client.connected.catch(() => {})
    await pause(4_000)
    await Promise.all(clients.map((client) => client.kill()))
    const first = Math.min(...server.connections.map(({ openedAt }) => openedAt))
    // Of the attempts in one second, how many came in the fullest tenth of it.
    const shares = [0, 1, 2, 3].map((second) => {
      const from = first + second * 1_000 + 50
      const slots = new Array<number>(10).fill(0)
      for (const { openedAt } of server.connections) {
        const slot = Math.floor((openedAt - from) / 100)
        if (slot >= 0 && slot < 10) slots[slot] = (slots[slot] ?? 0) + 1
      }
      const all = slots.reduce((sum, count) => sum + count, 0)
      return all < 10 ? 1 : Math.max(...slots) / all
    })
    const best = Math.round(Math.min(...shares) * 100)
    return { holds: best <= 60, outcome: `${best} % of a second's attempts within 100 ms` }
  },
}

const offline: Experiment = {
  id: 'T5',
  name: '200,000 QoS 1 publishes without a server, which comes back then',
  must: 'bounded; every call settles',
  async run(library) {
    const gone = await ScriptedServer.start(serve)
    const { port, url } = gone
    const client = library.open(url, { rejectsWhenFull: true })
    await client.connected
    await gone[Symbol.asyncDispose]()
    await pause(50)
    const calls = publishMany(client, 200_000, 1)
    const tally = new Tally(calls)
    await pause(50)
    await using server = await ScriptedServer.start(serve, port)
    await eventually(() => server.connections.length > 0, 'the client to come back')
    await tally.settled(server)
    const { resolved, rejected, open } = tally
    await client.kill()
    const outcome = `${resolved} sent, ${rejected} refused, ${open} without a word`
    return { holds: open === 0 && rejected > 0, outcome }
  },
}

const closedWindow: Experiment = {
  id: 'T6',
  name: 'Receive Maximum 10, the server has 1,000 messages, the handler does not finish',
  must: 'the window stays closed',
  async run(library) {
    let next = 1
    const push: Script = (packet, connection) => {
      serve(packet, connection)
      const count = packet.type === 'subscribe' ? 10 : packet.type === 'puback' ? 1 : 0
      for (let n = 0; n < count && next <= 1_000; n++) {
        connection.send(publishPacket('t', `${next}`, { qos: 1, packetIdentifier: next++ }))
      }
    }
    await using at = await scene(library, push, { receiveMaximum: 10 })
    let release = () => {}
    const blocked = new Promise<void>((resolve) => {
      release = resolve
    })
    await at.client.consume('t', 1, () => blocked)
    await at.server.quiet(silenceMs)
    const acknowledged = at.server.received('puback').length
    release()
    const outcome = `${acknowledged} acknowledged while the first was handled`
    return { holds: acknowledged === 0, outcome }
  },
}

const twice: Experiment = {
  id: 'T7',
  name: 'two subscriptions to one Topic Filter',
  must: 'both get a result of SUBACK',
  async run(library) {
    await using at = await scene(library, serve)
    const results = [await at.client.subscribe('a/b', 1), await at.client.subscribe('a/b', 1)]
    return {
      holds: results.every((count) => count === 1),
      outcome: `results: ${results.join(' and ')}`,
    }
  },
}

const busyHandler: Experiment = {
  id: 'T8',
  name: 'Keep Alive 1 s, the handler takes 4 s, and more messages wait',
  must: 'control packets do not wait behind data',
  async run(library) {
    const push: Script = (packet, connection) => {
      serve(packet, connection)
      if (packet.type !== 'subscribe') return
      for (let n = 1; n <= 10; n++) {
        connection.send(publishPacket('t', `${n}`, { qos: 1, packetIdentifier: n }))
      }
    }
    await using at = await scene(library, push, { keepAliveSeconds: 1 })
    await at.client.consume('t', 1, () => pause(4_000))
    await pause(3_500)
    const pings = at.server.received('pingreq').length
    const connections = at.server.connections.length
    const holds = connections === 1 && at.server.connections[0]?.isClosed === false && pings > 0
    const outcome = connections === 1 ? 'stays connected' : 'gives the connection up'
    return { holds, outcome: `${outcome}, ${pings} PINGREQ` }
  },
}

const manyOutstanding: Experiment = {
  id: 'T9',
  name: '100,000 QoS 1 publishes at once, acknowledged late',
  must: 'every call settles, every message is sent once',
  async run(library) {
    let isHeld = true
    const script: Script = (packet, connection) => {
      if (!isHeld || packet.type !== 'publish') serve(packet, connection)
    }
    await using at = await scene(library, script)
    const tally = new Tally(publishMany(at.client, 100_000, 1))
    await at.server.quiet(silenceMs)
    isHeld = false
    for (const connection of at.server.connections) {
      for (const packet of [...connection.received]) {
        if (packet.type === 'publish') serve(packet, connection)
      }
    }
    await tally.settled(at.server)
    const different = new Set(payloads(at.server)).size
    const outcome = `${tally.open} calls never settle, ${100_000 - different} never sent`
    const sent = at.server.received('publish').length
    return {
      holds: tally.resolved === 100_000 && different === 100_000 && sent === 100_000,
      outcome,
    }
  },
}

const burst: Experiment = {
  id: 'T12',
  name: 'a burst of 1,000 QoS 2 to a server that takes 20 at once and refuses more',
  must: '1,000 delivered',
  async run(library) {
    const open = new Set<number>()
    const script: Script = (packet, connection) => {
      if (packet.type === 'publish' && open.size >= 20) {
        connection.send(acknowledgement('pubrec', packet.packetIdentifier, 0x97))
      } else if (packet.type === 'publish') {
        open.add(packet.packetIdentifier)
        connection.sendLater(1, acknowledgement('pubrec', packet.packetIdentifier))
      } else {
        if (packet.type === 'pubrel') open.delete(packet.packetIdentifier)
        serve(packet, connection)
      }
    }
    await using at = await scene(
      library,
      announcing({ properties: { receiveMaximum: 20 } }, script),
    )
    const tally = new Tally(publishMany(at.client, 1_000, 2))
    await tally.settled(at.server)
    const outcome = `${tally.resolved} delivered, ${tally.rejected} refused`
    return { holds: tally.resolved === 1_000, outcome }
  },
}

const takeover: Experiment = {
  id: 'T15',
  name: 'two clients with one Client Identifier, for 3 s',
  must: 'taken over (0x8E) is the end',
  async run(library) {
    const script: Script = (packet, connection) => {
      serve(packet, connection)
      if (packet.type !== 'connect') return
      for (const other of server.connections) {
        if (other === connection || other.isClosed) continue
        other.send({ type: 'disconnect', reasonCode: 0x8e, properties: {} })
        setTimeout(() => other.cut(), 5)
      }
    }
    await using server = await ScriptedServer.start(script)
    const first = library.open(server.url, { clientId: 'twin' })
    await first.connected
    const second = library.open(server.url, { clientId: 'twin' })
    await second.connected
    await pause(3_000)
    await first.kill()
    await second.kill()
    const again = server.connections.length - 2
    return { holds: again === 0, outcome: `${again} reconnects in 3 s` }
  },
}

export const experiments: readonly Experiment[] = [
  receiveMaximum,
  closeWithoutServer,
  herd,
  resume,
  offline,
  closedWindow,
  twice,
  busyHandler,
  manyOutstanding,
  burst,
  takeover,
  manyUnacknowledged,
  mostWaiting,
]
