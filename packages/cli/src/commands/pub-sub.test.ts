import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pubCommand } from './pub.ts'
import { subCommand } from './sub.ts'

// Said, and with the exit code, as mosquitto_pub and mosquitto_sub 2.0.11 do.
const refused = [
  [subCommand, [], 'You must specify a topic to subscribe to.'],
  [subCommand, ['-t', 'a', '-q', '3'], 'Invalid QoS given: 3'],
  [subCommand, ['-t', 'a', '-C', '0'], 'Invalid message count "0".'],
  [subCommand, ['-t', 'a', '-W', '0'], 'Invalid timeout "0".'],
  [subCommand, ['-t'], '-t argument given but no topic specified.'],
  [pubCommand, ['-m', 'x'], 'Both topic and message must be supplied.'],
  [pubCommand, ['-t', 'a', '-m', 'x', '-n'], 'Only one type of message can be sent at once.'],
  [pubCommand, ['-t', 'a', '-f', '/nonexistent'], 'Unable to open file "/nonexistent".'],
  [pubCommand, ['-t', 'a', '-m', 'x', '--nosuch'], "Unknown option '--nosuch'."],
] as const

for (const [command, args, message] of refused) {
  test(`busbar ${command.name} ${args.join(' ')}: ${message}`, async () => {
    const complaints: string[] = []
    const output = { say: assert.fail, complain: (text: string) => complaints.push(text) }
    assert.equal(await command.runWith(args, output), 1)
    const usage = `Use 'busbar ${command.name} --help' to see usage.`
    assert.deepEqual(complaints, [`Error: ${message}\n\n${usage}`])
  })
}

for (const command of [pubCommand, subCommand]) {
  test(`busbar ${command.name} --help names every option`, async () => {
    const said: string[] = []
    const output = { say: (text: string) => said.push(text), complain: assert.fail }
    assert.equal(await command.runWith(['--help'], output as never), 0)
    for (const option of ['-t, --topic TOPIC', '-q, --qos QOS', '-h, --host HOST', 'Exit code 0']) {
      assert.ok(said.join('\n').includes(option), option)
    }
  })
}
