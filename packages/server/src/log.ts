import pino, { type Logger } from 'pino'

/** The platform's log: JSON lines on stderr. Codes, operations and counts; never a token, a key or a payload. */
export const makeLog = (level: string): Logger => pino({ level }, pino.destination({ dest: 2, sync: true }))
