import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectReturnCode, ReasonCode, reasonCodeName } from './reason-codes.ts'

const names = [
  [0x00, 'Success'],
  [0x01, 'Granted QoS 1'],
  [0x02, 'Granted QoS 2'],
  [0x10, 'No matching subscribers'],
  [0x19, 'Re-authenticate'],
  [0x86, 'Bad user name or password'],
  [0x95, 'Packet too large'],
  [0x9b, 'QoS not supported'],
  [0xff, '0xff'],
] as const

for (const [code, name] of names) {
  test(`names Reason Code ${code} ${name}`, () => {
    assert.equal(reasonCodeName(code), name)
  })
}

test('names every Reason Code in words', () => {
  assert.equal(new Set(Object.values(ReasonCode)).size, 43)
  for (const code of Object.values(ReasonCode)) {
    assert.match(reasonCodeName(code), /^(QoS|[A-Z][a-z]+)([ -](QoS|[a-z]+|[012]))*$/)
  }
})

test('tells a 3.x client nothing where no return code fits [MQTT3-3.2.2-6]', () => {
  assert.equal(connectReturnCode(ReasonCode.NotAuthorized), 5)
  assert.equal(connectReturnCode(ReasonCode.QuotaExceeded), undefined)
})
