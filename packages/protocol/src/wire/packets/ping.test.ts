import { readsAndWrites, refuses } from '../../../fuzz/frames.ts'

readsAndWrites([
  ['[MQTT3-3.12.4-1]', 3, 'client', 0xc0, '', { type: 'pingreq' }],
  ['[MQTT3-3.12.4-1]', 4, 'client', 0xc0, '', { type: 'pingreq' }],
  ['[MQTT5-3.12.4-1]', 5, 'client', 0xc0, '', { type: 'pingreq' }],
  ['[MQTT3-3.12.4-1]', 3, 'server', 0xd0, '', { type: 'pingresp' }],
  ['[MQTT3-3.12.4-1]', 4, 'server', 0xd0, '', { type: 'pingresp' }],
  ['[MQTT5-3.12.4-1]', 5, 'server', 0xd0, '', { type: 'pingresp' }],
])

refuses([
  ['MQTT5-2.1.3-1', 'PINGREQ with a flag', 5, 'client', 0x81, 0xc1, ''],
  ['MQTT5-2.1.3-1', 'PINGRESP with a flag', 4, 'server', 0x81, 0xd8, ''],
  [undefined, 'PINGREQ with a body', 5, 'client', 0x81, 0xc0, '00'],
  ['U5-2.1.2-a', 'PINGREQ from a server', 5, 'server', 0x82, 0xc0, ''],
  ['U5-2.1.2-a', 'PINGRESP from a client', 4, 'client', 0x82, 0xd0, ''],
])
