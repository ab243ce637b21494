import { subscribe } from '../bytes.ts'
import type { Trial } from '../case.ts'

/**
 * Subscribes to each filter on a connection of its own: the Server answers SUBACK with a failure
 * or closes, as it pleases, and goes on serving the others.
 */
export async function refusesFilter(t: Trial, filters: readonly string[]): Promise<void> {
  const bystander = await t.subscriber()
  const rows = Object.fromEntries(filters.map((filter) => [JSON.stringify(filter), filter]))
  await t.each(rows, async (filter) => {
    const peer = await t.connect()
    peer.send(subscribe({ version: t.version, filters: [{ filter, options: 1 }] }))
    const answer = await peer.receiveUnlessClosed()
    if (answer === undefined) return
    const [code = 0] = answer.type === 'suback' ? answer.reasonCodes : [answer.reasonCode]
    const isRefusal = answer.type === 'suback' || answer.type === 'disconnect'
    t.check(isRefusal && code >= 0x80, `the answer is ${answer}`)
    if (answer.type === 'suback') await peer.ping()
    else await peer.expectClosed()
  })
  const publisher = await t.connect()
  await publisher.publish(t.topic(), 'still here', { qos: 1 })
  await bystander.message({ payload: 'still here' })
}
