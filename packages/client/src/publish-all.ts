import { aborted } from './abort.ts'
import type { Client } from './client.ts'
import type { OutgoingItem } from './publish-options.ts'

const fewestAtOnce = 1_000

/** `Client.publishAll`. */
export async function publishAll(
  client: Client,
  items: AsyncIterable<OutgoingItem> | Iterable<OutgoingItem>,
  signal: AbortSignal | undefined,
): Promise<{ readonly published: number }> {
  let published = 0
  let failure: { readonly error: unknown } | undefined
  const open = new Set<Promise<unknown>>()
  for await (const { topic, payload, ...options } of items) {
    if (signal?.aborted === true) throw aborted(signal)
    const settled = client.publish(topic, payload, signal ? { ...options, signal } : options).then(
      () => {
        published++
      },
      (error: unknown) => {
        failure ??= { error }
      },
    )
    open.add(settled)
    void settled.then(() => open.delete(settled))
    if (open.size >= fewestAtOnce) await Promise.race(open)
    if (failure !== undefined) break
  }
  await Promise.all(open)
  if (failure !== undefined) throw failure.error
  return { published }
}
