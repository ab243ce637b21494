import { ClientError, connect } from '@busbar/client'

try {
  // Nobody listens there, and one attempt is enough for us.
  await connect('mqtt://127.0.0.1:1', { reconnect: false })
} catch (error) {
  if (!(error instanceof ClientError)) throw error
  console.log(error.code) // transport-failed
}
