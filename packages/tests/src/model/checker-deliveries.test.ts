import {
  acked,
  at,
  checkScenes,
  connect,
  connected,
  hour,
  leave,
  lost,
  publisher,
  received,
  sent,
  subscribe,
  subscriber,
} from './scene.ts'

// What is delivered, how often, and in which order.
checkScenes([
  [
    'received once',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'acked and not received',
    'I1',
    { s: subscriber(), p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))] },
  ],
  [
    'acked as matching nobody',
    'I1',
    { s: subscriber(), p: [...publisher, ...at(10, sent('p:1'), acked('p:1', 0x10))] },
  ],
  [
    'refused and not received',
    undefined,
    { s: subscriber(), p: [...publisher, ...at(10, sent('p:1'), acked('p:1', 0x97))] },
  ],
  [
    'without answer and not received',
    undefined,
    { s: subscriber(), p: [...publisher, ...at(10, sent('p:1'))] },
  ],
  [
    'in the ledger',
    undefined,
    { s: subscriber(), p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))] },
    { ledger: new Map([['s', 1]]) },
  ],
  [
    'expiring',
    undefined,
    {
      s: subscriber(),
      p: [...publisher, ...at(10, sent('p:1', 't', { expires: true }), acked('p:1'))],
    },
  ],
  [
    'not received with a subscription of QoS 0',
    undefined,
    { s: subscriber('t', 0), p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))] },
  ],
  [
    'sent before the subscription',
    undefined,
    {
      s: at(9.995, connect(), connected(), ...subscribe('t')),
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'acked after the end of the subscription',
    undefined,
    {
      s: [...subscriber(), ...at(10, { event: 'unsubscribing', filter: 't' })],
      p: [...publisher, ...at(9.999, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'unsubscribed before SUBACK',
    undefined,
    {
      s: at(
        0,
        connect(),
        connected(),
        { event: 'subscribing', filter: 't', qos: 1 },
        { event: 'unsubscribing', filter: 't' },
        { event: 'subscribed', filter: 't', code: 1 },
      ),
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'lost with a Session that ended',
    undefined,
    {
      s: [...subscriber(), ...at(20, lost(5), connect(hour, { cleanStart: true }), connected())],
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'received after a reconnection',
    undefined,
    {
      s: [...subscriber(), ...at(20, lost(5), connect(), connected(true), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'lost over a reconnection',
    'I1',
    {
      s: [...subscriber(), ...at(20, lost(5), connect(), connected(true))],
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'received by a member',
    undefined,
    {
      a: subscriber('$share/g/t'),
      b: [...subscriber('$share/g/t'), ...at(12, received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'received by no member',
    'I1',
    {
      a: subscriber('$share/g/t'),
      b: subscriber('$share/g/t'),
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],
  [
    'received by no member, one of which has gone',
    undefined,
    {
      a: subscriber('$share/g/t'),
      b: [...subscriber('$share/g/t'), ...at(20, ...leave(0))],
      p: [...publisher, ...at(10, sent('p:1'), acked('p:1'))],
    },
  ],

  [
    'QoS 2 received twice',
    'I2',
    {
      s: [...subscriber(), ...at(12, received('p:1'), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'))],
    },
  ],
  [
    'QoS 1 received twice',
    undefined,
    {
      s: [
        ...subscriber(),
        ...at(12, received('p:1', 't', { qos: 1 }), received('p:1', 't', { qos: 1, dup: true })),
      ],
      p: [...publisher, ...at(10, sent('p:1'))],
    },
  ],
  [
    'QoS 2 received again as retained',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:1'), received('p:1', 't', { retain: true }))],
      p: [...publisher, ...at(10, sent('p:1', 't', { retain: true }))],
    },
  ],
  [
    'QoS 2 received through two kinds of subscription',
    undefined,
    {
      s: [
        ...subscriber(),
        ...at(1, ...subscribe('$share/g/t')),
        ...at(12, received('p:1'), received('p:1')),
      ],
      p: [...publisher, ...at(10, sent('p:1'))],
    },
  ],
  [
    'QoS 2 received by two members',
    'I2',
    {
      a: [...subscriber('$share/g/t'), ...at(12, received('p:1'))],
      b: [...subscriber('$share/g/t'), ...at(12, received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'))],
    },
  ],
  [
    'QoS 2 again in another Session that ends with its connection',
    undefined,
    {
      s: [
        ...at(0, connect(0), connected(false, 0), ...subscribe('t')),
        ...at(
          12,
          received('p:1'),
          lost(5),
          connect(0),
          connected(false, 0),
          ...subscribe('t'),
          received('p:1'),
        ),
      ],
      p: [...publisher, ...at(10, sent('p:1'))],
    },
  ],

  [
    'in order',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:1'), received('p:2'))],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2'))],
    },
  ],
  [
    'out of order',
    'I3',
    {
      s: [...subscriber(), ...at(12, received('p:2'), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2'))],
    },
  ],
  [
    'out of order when there was no room',
    'I3',
    {
      s: [...subscriber(), ...at(12, received('p:2'), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2'))],
    },
    { hadNoRoom: true },
  ],
  [
    'out of order, as the first found no room and was sent again',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:2'), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2')), ...at(11, sent('p:1'))],
    },
    { hadNoRoom: true },
  ],
  [
    'out of order, and the first was sent again although there was room',
    'I3',
    {
      s: [...subscriber(), ...at(12, received('p:2'), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2')), ...at(11, sent('p:1'))],
    },
  ],
  [
    'not passed on by the member whose Session ended',
    'I1',
    {
      a: subscriber('$share/g/t'),
      b: [...subscriber('$share/g/t'), ...at(20, ...leave(0))],
      p: [...publisher, ...at(10, sent('p:1', 't', { qos: 1 }), acked('p:1'))],
    },
  ],
  [
    'out of order, as the first was to come with QoS 2 before a crash',
    undefined,
    {
      s: [
        ...subscriber('+', 1),
        ...at(1, ...subscribe('t', 2)),
        ...at(12, received('p:2', 'u', { qos: 1 })),
        ...at(13, { event: 'unsubscribing', filter: 't' }),
        ...at(14, received('p:1', 't', { qos: 1 })),
      ],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2', 'u'))],
    },
  ],
  [
    'out of order, as only the resend met a subscription',
    undefined,
    {
      s: [
        ...subscriber('+'),
        ...at(1, ...subscribe('t/1')),
        ...at(11, { event: 'unsubscribing', filter: 't/1' }),
        ...at(13, ...subscribe('t/1'), received('p:2'), received('p:1', 't/1', { dup: true })),
      ],
      p: [
        ...publisher,
        ...at(10, sent('p:1', 't/1')),
        ...at(12, sent('p:2'), sent('p:1', 't/1', { dup: true })),
      ],
    },
  ],
  [
    'out of order at another QoS',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:2', 't', { qos: 1 }), received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2', 't', { qos: 1 }))],
    },
  ],
  [
    'the second time out of order',
    undefined,
    {
      s: [
        ...subscriber('t', 1),
        ...at(12, ...['p:1', 'p:2', 'p:1'].map((name) => received(name, 't', { qos: 1 }))),
      ],
      p: [...publisher, ...at(10, sent('p:1'), sent('p:2'))],
    },
  ],
  [
    'the first sent before the subscription, and again after it',
    undefined,
    {
      s: [
        ...at(10.005, connect(), connected(), ...subscribe('t')),
        ...at(12, received('p:2'), received('p:1')),
      ],
      p: [...publisher, ...at(10, sent('p:1')), ...at(11, sent('p:2'), sent('p:1'))],
    },
  ],

  ['invented', 'I4', { s: [...subscriber(), ...at(12, received('p:1'))], p: publisher }],
])
