import { eventually } from './deadline.ts'
import {
  announcing,
  type Experiment,
  ignore,
  publishMany,
  scene,
  serve,
  Tally,
} from './experiment.ts'
import { acknowledgement } from './scripted-server.ts'

export const resume: Experiment = {
  id: 'T4',
  name: '100 QoS 1 unacknowledged, cut, Session resumed',
  must: 'DUP on all, the whole window at once, in order',
  async run(library) {
    const script = announcing({ sessionPresent: false }, () => {})
    await using at = await scene(library, script, { clientId: 'resume', keepsSession: true })
    ignore(publishMany(at.client, 100, 1))
    await eventually(() => at.server.received('publish').length === 100, '100 messages')
    at.server.script = announcing({ sessionPresent: true }, () => {})
    at.server.cut()
    await eventually(() => at.server.connections.length === 2, 'the client to come back')
    await at.server.quiet(1_500)
    const again = at.server.connections.at(-1)?.received.filter((each) => each.type === 'publish')
    const dups = again?.filter(({ dup }) => dup).length ?? 0
    const order = again?.map(({ payload }) => Number(Buffer.from(payload).toString())) ?? []
    const inOrder = order.every((value, n) => value === n)
    const outcome = `${order.length} before the first acknowledgement, ${dups} with DUP`
    return { holds: dups === 100 && order.length === 100 && inOrder, outcome }
  },
}

/** Many messages, cut off, and a server that takes so many at once when it is back. */
function resumeMany(
  { id, count, waiting }: { id: string; count: number; waiting: number },
  { receiveMaximum, roundTripMs }: { receiveMaximum: number; roundTripMs: number },
): Experiment {
  const all = count + waiting
  const limits = `Receive Maximum ${receiveMaximum} and ${roundTripMs} ms round trip`
  const waitingText = waiting === 0 ? '' : `, ${shown(waiting)} behind them`
  return {
    id,
    name: `${shown(count)} QoS 1 unacknowledged${waitingText}, cut, resumed with ${limits}`,
    must: `about ${shown(all)} / Receive Maximum round trips`,
    async run(library) {
      const script = announcing({ properties: { receiveMaximum: count } }, () => {})
      await using at = await scene(library, script, { clientId: 'many', keepsSession: true })
      const tally = new Tally(publishMany(at.client, all, 1))
      await eventually(() => at.server.received('publish').length >= count, 'messages')
      let outstanding = 0
      let most = 0
      let begunAt = 0
      const properties = { receiveMaximum }
      at.server.script = announcing({ sessionPresent: true, properties }, (packet, connection) => {
        if (packet.type !== 'publish') return serve(packet, connection)
        begunAt ||= performance.now()
        most = Math.max(most, ++outstanding)
        setTimeout(() => {
          outstanding--
          connection.send(acknowledgement('puback', packet.packetIdentifier))
        }, roundTripMs)
      })
      at.server.cut()
      await eventually(() => tally.open === 0, 'all acknowledgements', 30_000).catch(() => {})
      const ms = Math.round(performance.now() - begunAt)
      const open = tally.open === 0 ? '' : `${shown(tally.open)} open after `
      const outcome = `${open}${ms} ms, at most ${most} on the way`
      return { holds: most === receiveMaximum && tally.open === 0, outcome }
    },
  }
}

function shown(count: number): string {
  return count.toLocaleString('en')
}

export const manyUnacknowledged = resumeMany(
  { id: 'T16', count: 1_000, waiting: 0 },
  { receiveMaximum: 100, roundTripMs: 10 },
)
export const mostWaiting = resumeMany(
  { id: 'T17', count: 1_000, waiting: 9_000 },
  { receiveMaximum: 500, roundTripMs: 50 },
)
