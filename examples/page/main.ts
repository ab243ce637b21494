// A chat of all who have this page open. It needs a broker whose WebSocket listener has the page's origin
// in `origins`, and any bundler for pages; with Vite it is `npx vite examples/page`.
import { indexedDbStore, lazyConnect } from '@busbar/client'

const element = (id: string) => document.getElementById(id) as HTMLElement
const text = element('text') as HTMLInputElement

// Each tab is a client of its own. What is typed without a connection is kept, and sent later.
const clientId = sessionStorage.getItem('clientId') ?? `page-${crypto.randomUUID().slice(0, 8)}`
sessionStorage.setItem('clientId', clientId)
const url = new URLSearchParams(location.search).get('broker') ?? 'ws://127.0.0.1:8083/mqtt'
const client = lazyConnect(url, {
  clientId,
  session: { store: indexedDbStore(clientId), expirySeconds: 3_600 },
})

element('form').addEventListener('submit', async (event) => {
  event.preventDefault()
  await client.enqueue('example/chat', text.value, { qos: 1 })
  text.value = ''
})

async function showState(): Promise<void> {
  for await (const { type } of client.events()) element('state').textContent = type
}

async function showMessages(): Promise<void> {
  for await (const message of await client.subscribe('example/chat', { qos: 1 })) {
    const item = document.createElement('li')
    item.textContent = message.text() // never as HTML: anybody may have written it
    element('messages').append(item)
  }
}

await Promise.all([showState(), showMessages()])
