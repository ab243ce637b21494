import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { hex, pingreq } from './bytes.ts'
import type { Case, Trial } from './case.ts'
import type { CaseResult } from './report.ts'
import { runConformance } from './run.ts'

interface Server extends AsyncDisposable {
  readonly url: string
}

/** Accepts every CONNECT, answers PINGREQ, and closes on any other packet. */
async function startServer(): Promise<Server> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      if (bytes[0] === 0x10) socket.write(hex('20 03 00 00 00'))
      else if (bytes[0] === 0xc0) socket.write(hex('d0 00'))
      else if (bytes[0] === 0xc1) socket.end(hex('e0 01 81'))
      else socket.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return {
    url: `mqtt://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function runOne(run: Case['run'], fields: Partial<Case> = {}): Promise<CaseResult> {
  await using server = await startServer()
  const one: Case = {
    id: 'frame/only',
    title: 'only',
    statements: ['MQTT5-3.12.4-1'],
    versions: [5],
    run,
    ...fields,
  }
  const { cases } = await runConformance({ url: server.url, cases: [one] })
  assert.ok(cases[0] !== undefined)
  return cases[0]
}

async function ping(t: Trial): Promise<void> {
  await (await t.connect()).ping()
}

test('a case that returns passes', async () => {
  assert.equal((await runOne(ping)).verdict, 'pass')
})

test('a failure says what was expected and what went over the connection', async () => {
  const result = await runOne(async (t) => {
    const peer = await t.connect()
    peer.send(pingreq)
    await peer.expect('puback', { packetId: 7 })
  })
  assert.equal(result.verdict, 'fail')
  assert.equal(result.message, 'expected PUBACK packetId 7, got PINGRESP (d0 00)')
  assert.deepEqual(result.transcript?.slice(-2), ['1 → c0 00', '1 ← PINGRESP (d0 00)'])
})

test('a skipped case and one without its broker are not run', async () => {
  const skipped = await runOne(async (t) => t.skip('no shared subscriptions'))
  assert.deepEqual([skipped.verdict, skipped.message], ['not run', 'no shared subscriptions'])
  const homeless = await runOne(ping, { profile: 'silent' })
  assert.equal(homeless.verdict, 'not run')
  assert.match(homeless.message ?? '', /silent/)
})

test('a case that does not end fails after its time', async () => {
  const result = await runOne(() => new Promise(() => {}), { timeoutMs: 50 })
  assert.match(result.message ?? '', /more than 50 ms/)
})

test('an exception that is no failure is told as a mistake in the case', async () => {
  const result = await runOne(async () => {
    throw new TypeError('oops')
  })
  assert.match(result.message ?? '', /^mistake in the case: TypeError: oops/)
})

test('rejects takes the codes it was given and no other', async () => {
  const send = async (t: Trial, bytes: string, codes: readonly number[]): Promise<void> => {
    const peer = await t.connect()
    peer.send(hex(bytes))
    await peer.rejects(codes, { withinMs: 200 })
  }
  assert.equal((await runOne((t) => send(t, 'c1 00', [0x81]))).verdict, 'pass')
  assert.equal((await runOne((t) => send(t, 'c1 00', [0x82]))).verdict, 'fail')
  assert.equal((await runOne((t) => send(t, '00 00', [0x82]))).verdict, 'pass')
  assert.equal((await runOne((t) => send(t, 'c0 00', [0x81]))).verdict, 'fail')
})

test('expectNothing fails on a packet and on the end of the connection', async () => {
  const send = async (t: Trial, bytes: string): Promise<void> => {
    const peer = await t.connect()
    peer.send(hex(bytes))
    await peer.expectNothing(100)
  }
  assert.equal((await runOne((t) => send(t, 'c0 00'))).verdict, 'fail')
  assert.equal((await runOne((t) => send(t, '00 00'))).verdict, 'fail')
  assert.equal((await runOne((t) => send(t, ''))).verdict, 'pass')
})

test('each names the row that failed', async () => {
  const result = await runOne(async (t) => {
    await t.each({ good: 'c0 00', bad: 'c1 00' }, async (bytes) => {
      const peer = await t.connect()
      peer.send(hex(bytes))
      await peer.expect('pingresp')
    })
  })
  assert.match(result.message ?? '', /^bad: expected PINGRESP, got DISCONNECT code 81/)
})

test('serial cases run alone, behind the others', async () => {
  await using server = await startServer()
  const order: string[] = []
  const make = (name: string, serial?: true): Case => ({
    id: `frame/${name}`,
    title: name,
    statements: [],
    versions: [5],
    ...(serial && { serial }),
    async run() {
      order.push(`${name} begins`)
      await new Promise((resolve) => setImmediate(resolve))
      order.push(`${name} ends`)
    },
  })
  const cases = [make('first', true), make('second', true), make('third'), make('fourth')]
  await runConformance({ url: server.url, cases })
  assert.deepEqual(order.slice(4), ['first begins', 'first ends', 'second begins', 'second ends'])
})

test('chooses by case, suite and statement', async () => {
  await using server = await startServer()
  const base = { title: '', versions: [5, 4], run: async () => {} } as const
  const cases: readonly Case[] = [
    { ...base, id: 'frame/ping', statements: ['MQTT5-3.12.4-1'] },
    { ...base, id: 'topics/levels', statements: ['MQTT5-4.7.1-1'] },
  ]
  const chosen = async (only: string): Promise<readonly string[]> => {
    const report = await runConformance({ url: server.url, cases, only, versions: [5] })
    return report.cases.map(({ id }) => id)
  }
  assert.deepEqual(await chosen('frame'), ['frame/ping'])
  assert.deepEqual(await chosen('topics/levels'), ['topics/levels'])
  assert.deepEqual(await chosen('MQTT5-4.7.1-1'), ['topics/levels'])
  await assert.rejects(chosen('nonsense'))
})

test('rejects when there is no broker to run against', async () => {
  await assert.rejects(runConformance({}), /needs `url` or `start`/)
  const start = { command: 'false {config}', format: 'mosquitto' } as const
  await assert.rejects(runConformance({ start }), /the broker ended with 1/)
})
