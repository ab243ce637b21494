import type { Client } from '@busbar/client'

/** Subscribes; what it resolves with reads so many messages as text, and ends the subscription. */
export async function readTexts(
  client: Client,
  topicFilter: string,
  count: number,
): Promise<() => Promise<string[]>> {
  const subscription = await client.subscribe(topicFilter, { qos: 2 })
  return async () => {
    const texts: string[] = []
    for await (const message of subscription) {
      texts.push(message.text())
      if (texts.length === count) break
    }
    return texts
  }
}
