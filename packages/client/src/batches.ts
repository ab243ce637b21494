import { aborted } from './abort.ts'
import type { Client } from './client.ts'
import type { Clock } from './clock.ts'
import type { Message } from './message.ts'
import type { OutgoingItem } from './publish-options.ts'
import type { Subscription } from './subscription.ts'

// Many messages at once, both ways.

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

interface BatchOptions {
  readonly count: number
  readonly ms: number
  readonly clock: Clock
}

/** `Subscription.batch`. */
export async function* batches(
  subscription: Subscription,
  options: BatchOptions,
): AsyncGenerator<Message[], void, undefined> {
  try {
    for (;;) {
      subscription.acknowledge()
      const first = await subscription.take(undefined)
      if (first === undefined) return
      const batch = [first]
      await fill(batch, subscription, options)
      subscription.handOut(batch)
      yield batch
    }
  } finally {
    await subscription.close()
  }
}

async function fill(
  batch: Message[],
  subscription: Subscription,
  { count, ms, clock }: BatchOptions,
): Promise<void> {
  const late = new AbortController()
  const timer = clock.set(() => late.abort(), ms)
  try {
    while (batch.length < count) {
      const message = await subscription.take(late.signal)
      if (message === undefined) return
      batch.push(message)
    }
  } catch (error) {
    if (!late.signal.aborted) throw error
  } finally {
    clock.clear(timer)
  }
}

/** `Subscription.toReadableStream`: the next message into the stream. */
export async function pull(
  subscription: Subscription,
  controller: { enqueue(message: Message): void; close(): void },
): Promise<void> {
  const { done, value } = await subscription.next()
  if (done === true) controller.close()
  else controller.enqueue(value)
}
