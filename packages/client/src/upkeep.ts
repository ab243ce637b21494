// What keeps a client connected: what a connection needs to last, and what follows its end. A page loads it
// behind the first CONNACK, so that it is there when the network is not.
export { OutboundTopicAliases } from '@busbar/protocol'
export { ClientKeepAlive } from './keep-alive.ts'
export { Recovery } from './recovery.ts'
