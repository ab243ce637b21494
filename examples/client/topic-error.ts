import { TopicError, topic } from '@busbar/client'

const room = topic('rooms/{room}/light')
try {
  room.with({ room: 'kitchen/hall' })
} catch (error) {
  if (!(error instanceof TopicError)) throw error
  console.log(error.message) // topic parameter {room} of rooms/{room}/light has a /
}
