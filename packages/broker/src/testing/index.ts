export { type Core, type CoreOptions, createBroker } from '../core.ts'
export { startTestBroker, type TestBroker } from './test-broker.ts'
export { TestPeer } from './test-peer.ts'
export { VirtualClock } from './virtual-clock.ts'
