import type { Trial } from '../case.ts'

/**
 * Sends each packet on a connection of its own: the Server closes that connection, forwards nothing
 * of it to whoever subscribes below `t.topic()`, and goes on serving the others.
 */
export async function rejectsEach(
  t: Trial,
  packets: Readonly<Record<string, Uint8Array>>,
  reasonCodes: readonly number[],
): Promise<void> {
  const bystander = await t.subscriber(t.topic('#'))
  await t.each(packets, async (bytes) => {
    const peer = await t.connect()
    peer.send(bytes)
    await peer.rejects(reasonCodes)
  })
  const publisher = await t.connect()
  await publisher.publish(t.topic('after'), 'still here', { qos: 1 })
  await bystander.message({ payload: 'still here' })
}
