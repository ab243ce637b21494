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
  subscriber,
  will,
} from './scene.ts'

// What was never sent, what is retained, Sessions, Wills, and faults of the protocol.
checkScenes([
  [
    'received before it was sent',
    'I4',
    { s: [...subscriber(), ...at(12, received('p:1'))], p: [...publisher, ...at(13, sent('p:1'))] },
  ],
  [
    'from another topic',
    'I4',
    {
      s: [...subscriber('+'), ...at(12, received('p:1', 'u'))],
      p: [...publisher, ...at(10, sent('p:1'))],
    },
  ],
  [
    'at a higher QoS',
    'I4',
    {
      s: [...subscriber(), ...at(12, received('p:1'))],
      p: [...publisher, ...at(10, sent('p:1', 't', { qos: 1 }))],
    },
  ],

  [
    'the last one is retained',
    undefined,
    {
      p: [
        ...publisher,
        ...at(
          10,
          sent('p:1', 't', { retain: true }),
          acked('p:1'),
          sent('p:2', 't', { retain: true }),
          acked('p:2'),
        ),
      ],
    },
    { retained: new Map([['t', 'p:2']]) },
  ],
  [
    'a later one without answer is retained',
    undefined,
    {
      p: [
        ...publisher,
        ...at(
          10,
          sent('p:1', 't', { retain: true }),
          acked('p:1'),
          sent('p:2', 't', { retain: true }),
        ),
      ],
    },
    { retained: new Map([['t', 'p:2']]) },
  ],
  [
    'a later one without answer is not retained',
    undefined,
    {
      p: [
        ...publisher,
        ...at(
          10,
          sent('p:1', 't', { retain: true }),
          acked('p:1'),
          sent('p:2', 't', { retain: true }),
        ),
      ],
    },
    { retained: new Map([['t', 'p:1']]) },
  ],
  [
    'an old one is retained',
    'I5',
    {
      p: [
        ...publisher,
        ...at(
          10,
          sent('p:1', 't', { retain: true }),
          acked('p:1'),
          sent('p:2', 't', { retain: true }),
          acked('p:2'),
        ),
      ],
    },
    { retained: new Map([['t', 'p:1']]) },
  ],
  [
    'nothing is retained',
    'I5',
    { p: [...publisher, ...at(10, sent('p:1', 't', { retain: true }), acked('p:1'))] },
    { retained: new Map() },
  ],
  [
    'nothing is retained after a deletion',
    undefined,
    {
      p: [
        ...publisher,
        ...at(
          10,
          sent('p:1', 't', { retain: true }),
          acked('p:1'),
          sent('p:2', 't', { retain: true, isEmpty: true }),
        ),
      ],
    },
    { retained: new Map() },
  ],
  [
    'a deletion is undone',
    'I5',
    {
      p: [
        ...publisher,
        ...at(
          10,
          sent('p:1', 't', { retain: true }),
          acked('p:1'),
          sent('p:2', 't', { retain: true, isEmpty: true }),
          acked('p:2'),
        ),
      ],
    },
    { retained: new Map([['t', 'p:1']]) },
  ],
  [
    'an old one that had found no room is sent again and retained',
    undefined,
    {
      p: [
        ...publisher,
        ...at(10, sent('p:1', 't', { retain: true }), sent('p:2', 't', { retain: true })),
        ...at(11, acked('p:1'), acked('p:2')),
      ],
    },
    { retained: new Map([['t', 'p:1']]), hadNoRoom: true },
  ],
  [
    'an old one is sent again and retained',
    'I5',
    {
      p: [
        ...publisher,
        ...at(10, sent('p:1', 't', { retain: true }), sent('p:2', 't', { retain: true })),
        ...at(11, acked('p:1'), acked('p:2')),
      ],
    },
    { retained: new Map([['t', 'p:1']]) },
  ],
  [
    'two publishers at once',
    undefined,
    {
      p: [...publisher, ...at(10, sent('p:1', 't', { retain: true })), ...at(12, acked('p:1'))],
      q: [...publisher, ...at(11, sent('q:1', 't', { retain: true }), acked('q:1'))],
    },
    { retained: new Map([['t', 'p:1']]) },
  ],
  [
    'two publishers one after the other',
    'I5',
    {
      p: [...publisher, ...at(10, sent('p:1', 't', { retain: true }), acked('p:1'))],
      q: [...publisher, ...at(11, sent('q:1', 't', { retain: true }), acked('q:1'))],
    },
    { retained: new Map([['t', 'p:1']]) },
  ],

  [
    'a Session is lost',
    'I6',
    { s: [...subscriber(), ...at(100, lost(90), connect(), connected(false))] },
  ],
  [
    'a Session is lost when its time is over',
    undefined,
    {
      s: [
        ...at(0, connect(1), connected(false, 1)),
        ...at(5_000, lost(90), connect(), connected(false)),
      ],
    },
  ],
  [
    'a Session is lost to a clock that was set forward',
    undefined,
    { s: [...subscriber(), ...at(100, lost(90), connect(), connected(false))] },
    { crashes: [95], wallJumps: [{ at: 94, ms: 86_400_000 }] },
  ],
  [
    'a Session is there although its time is over',
    'I6',
    {
      s: [
        ...at(0, connect(1), connected(false, 1)),
        ...at(10, ...leave(1)),
        ...at(5_000, connect(), connected(true)),
      ],
    },
  ],
  [
    'a Session is there although it was to end',
    'I6',
    { s: [...subscriber(), ...at(10, ...leave(0)), ...at(20, connect(), connected(true))] },
  ],
  [
    'a Session that an unanswered CONNECT may have begun',
    undefined,
    { s: at(0, connect(), lost(0), connect(), connected(true)) },
  ],
  [
    'a message of a subscription that was given up',
    'I6',
    {
      s: [
        ...subscriber(),
        ...at(10, { event: 'unsubscribing', filter: 't' }),
        ...at(11, { event: 'unsubscribed', filter: 't', code: 0 }),
        ...at(13, received('p:1')),
      ],
      p: [...publisher, ...at(12, sent('p:1'))],
    },
  ],
  [
    'a message of a subscription that was given up twice, and is back',
    undefined,
    {
      s: [
        ...subscriber(),
        ...at(10, { event: 'unsubscribing', filter: 't' }),
        ...at(11, { event: 'unsubscribed', filter: 't', code: 0 }),
        ...at(11.1, { event: 'unsubscribing', filter: 't' }),
        ...at(11.2, { event: 'unsubscribed', filter: 't', code: 0x11 }),
        ...at(12, { event: 'subscribing', filter: 't', qos: 2 }, received('p:1')),
      ],
      p: [...publisher, ...at(11.5, sent('p:1'))],
    },
  ],
  [
    'a message from before the subscription was given up',
    undefined,
    {
      s: [
        ...subscriber(),
        ...at(10, { event: 'unsubscribing', filter: 't' }),
        ...at(11, { event: 'unsubscribed', filter: 't', code: 0 }, received('p:1')),
      ],
      p: [...publisher, ...at(10.5, sent('p:1'))],
    },
  ],
  [
    'a message of a subscription that another Session had',
    'I6',
    {
      s: [
        ...subscriber(),
        ...at(10, lost(5), connect(hour, { cleanStart: true }), connected(), received('p:1')),
      ],
      p: [...publisher, ...at(5, sent('p:1'))],
    },
  ],

  [
    'a Will',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:1'))],
      p: at(0, connect(hour, { will }), connected(), lost(5)),
    },
  ],
  [
    'a Will twice',
    'I8',
    {
      s: [
        ...subscriber('t', 0),
        ...at(12, received('p:1', 't', { qos: 0 }), received('p:1', 't', { qos: 0 })),
      ],
      p: at(0, connect(hour, { will }), connected(), lost(5)),
    },
  ],
  [
    'a Will again after a crash, at QoS 1',
    undefined,
    {
      s: [
        ...subscriber('t', 1),
        ...at(12, received('p:1', 't', { qos: 1 })),
        ...at(14, received('p:1', 't', { qos: 1 })),
      ],
      p: at(0, connect(hour, { will }), connected(), lost(5)),
    },
    { crashes: [13] },
  ],
  [
    'a Will of a client that has left',
    'I8',
    {
      s: [...subscriber(), ...at(12, received('p:1'))],
      p: at(0, connect(hour, { will }), connected(), ...leave()),
    },
  ],
  [
    'a Will of a client that has left, and does not know that it was heard',
    undefined,
    {
      s: [...subscriber(), ...at(12, received('p:1'))],
      p: at(
        0,
        connect(hour, { will }),
        connected(),
        { event: 'leaving', code: 0, expirySeconds: hour },
        lost(0),
      ),
    },
  ],

  [
    'a client is blamed',
    'protocol',
    {
      s: at(0, connect(), connected(), {
        event: 'disconnected',
        isOrderly: false,
        aliveAt: 0,
        code: 0x82,
      }),
    },
  ],
  [
    'a client is taken over',
    undefined,
    {
      s: at(0, connect(), connected(), {
        event: 'disconnected',
        isOrderly: false,
        aliveAt: 0,
        code: 0x8e,
      }),
    },
  ],
  [
    'a client has found a fault',
    'protocol',
    { s: at(0, connect(), connected(), { event: 'fault', text: 'x' }) },
  ],
])
